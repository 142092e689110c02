"""Pictures on their way: in a function's reply, beside a page, and inside one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def encoded(images: Mapping[str, bytes]) -> dict[str, str]:
    """Return PNG pictures, by Content-ID, as a reply has them."""
    return {cid: base64.b64encode(png).decode() for cid, png in images.items()}


def images_of(reply: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the pictures of a reply of ``send_report``, by Content-ID."""
    return {cid: base64.b64decode(text) for cid, text in reply.get("images", {}).items()}


def beside(html: str, images: Mapping[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """Return a page that shows files beside it, and these files by name.

    A browser knows no Content-ID.
    """
    files = {cid: f"{Path(cid).name}.png" for cid in images}
    return _with_sources(html, files), {files[cid]: png for cid, png in images.items()}


def inside(html: str, images: Mapping[str, bytes]) -> str:
    """Return a page that needs no other file."""
    return _with_sources(
        html, {cid: f"data:image/png;base64,{text}" for cid, text in encoded(images).items()}
    )


def _with_sources(html: str, sources: Mapping[str, str]) -> str:
    for cid, source in sources.items():
        html = html.replace(f'src="cid:{cid}"', f'src="{source}"')
    return html
