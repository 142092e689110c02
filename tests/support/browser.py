"""A Chromium without a window, driven through its own pipe: no port, no driver, no library."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_SECONDS = 60.0


def find_browser() -> str | None:
    """Return the path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class BrowserError(Exception):
    """The browser did not do what it was asked."""


class Browser:
    """A running browser with one page.

    Args:
        executable: path of a Chromium.
        profile: an empty folder.
    """

    def __init__(self, executable: str, profile: Path) -> None:
        options = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--no-first-run", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
        ]  # fmt: skip
        # It takes commands from file 3 and answers into file 4.
        script = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", script, executable, *options, "about:blank"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._commands, self._answers = self._process.stdin, self._process.stdout
        self._unread = b""
        self._numbers = count(1)
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._commands.close()
        self._answers.close()

    def open(self, page: Path, *, width: int, dark: bool) -> None:
        """Show a file as on a screen that is so many pixels wide, in a light or a dark scheme."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        # A phone would make a page that is too wide smaller; here it shows.
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=page.resolve().as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, script: str) -> Any:
        """Return what a JavaScript expression comes to on the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def picture(self) -> bytes:
        """Return the whole page as PNG, also what is below the screen."""
        taken = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def top(self, *, width: int, height: int, scale: float) -> bytes:
        """Return the top of the page as PNG, so many CSS pixels of it, drawn at a scale."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        taken = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(taken["data"])

    def _call(self, method: str, **parameters: object) -> Mapping[str, Any]:
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        answer = self._next()
        while answer.get("id") != number:
            answer = self._next()
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        result: Mapping[str, Any] = answer["result"]
        return result

    def _next(self) -> Mapping[str, Any]:
        """Return the next answer or event."""
        while b"\0" not in self._unread:
            if not select.select([self._answers], [], [], PATIENCE_SECONDS)[0]:
                raise BrowserError("the browser does not answer")
            arrived = os.read(self._answers.fileno(), 1 << 16)
            if not arrived:
                raise BrowserError("the browser has ended")
            self._unread += arrived
        message, _, self._unread = self._unread.partition(b"\0")
        answer: Mapping[str, Any] = json.loads(message)
        return answer
