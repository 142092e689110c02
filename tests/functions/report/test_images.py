from __future__ import annotations

import json

from functions.report.rendering.images import beside, encoded, images_of, inside

PAGE = '<img src="cid:pnl-1" alt="one"><img src="cid:pnl-2" alt="two"><p>cid:pnl-1</p>'
IMAGES = {"pnl-1": b"first", "pnl-2": b"second"}


def test_pictures_come_out_of_a_reply_as_they_went_into_it() -> None:
    reply = json.loads(json.dumps({"images": encoded(IMAGES)}))
    assert images_of(reply) == IMAGES
    assert images_of({"html": PAGE}) == {}


def test_a_page_shows_the_files_beside_it() -> None:
    page, files = beside(PAGE, IMAGES)
    assert files == {"pnl-1.png": b"first", "pnl-2.png": b"second"}
    assert page == '<img src="pnl-1.png" alt="one"><img src="pnl-2.png" alt="two"><p>cid:pnl-1</p>'


def test_a_file_beside_a_page_is_in_its_folder_whatever_its_name_says() -> None:
    _, files = beside('<img src="cid:../../escape">', {"../../escape": b"x"})
    assert list(files) == ["escape.png"]


def test_a_page_may_hold_its_pictures_itself() -> None:
    page = inside(PAGE, IMAGES)
    assert 'src="data:image/png;base64,Zmlyc3Q="' in page
    assert 'src="cid:' not in page
