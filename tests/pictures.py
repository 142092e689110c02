"""``make pictures``: the pictures of the documentation, from the mail of the last ``make demo``."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from infra.folders import ROOT, output_directory
from tests.support.browser import Browser, find_browser

MAIL = output_directory() / "demo" / "report.html"
PICTURE = ROOT / "docs" / "pictures" / "mail.png"
WIDTH, SCALE = 720, 1.25
"""CSS pixels, as a mail program shows them, and how many pixels of the picture are one of them."""
LAST = "document.querySelector('table.figures').getBoundingClientRect().bottom"
"""Where the picture ends: under the first table of results, above its chart."""
COLOURS = 128
"""Of text on paper nobody sees the others, and the file is a quarter as large."""


def main() -> int:
    """Draw the top of the mail: its verdict, the rates and the first results."""
    executable = find_browser()
    if executable is None:
        print("There is no Chromium on the PATH.", file=sys.stderr)
        return 1
    if not MAIL.is_file():
        print(f"There is no {MAIL}: run `make demo` first.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as profile, Browser(executable, Path(profile)) as browser:
        browser.open(MAIL, width=WIDTH, dark=False)
        drawn = browser.top(width=WIDTH, height=round(browser.evaluate(LAST)), scale=SCALE)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(drawn)) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
