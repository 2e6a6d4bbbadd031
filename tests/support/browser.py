"""A real headless Chromium, driven over its DevTools pipe: one browser, as a user's is.

The pipe is two descriptors with JSON texts that end in a zero byte, so nothing but the browser
itself is needed, and no port is opened for it.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.support.slack import SLACK

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
ANSWER_S_MAX: Final = 30.0
END_S_MAX: Final = 10.0
READ_BYTES: Final = 1_048_576
LAUNCHER: Final = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, which reads its commands from descriptor 3 and answers on 4."""
ARGUMENTS: Final = (
    "--headless=new",
    # Root has no sandbox of its own, and containers allow none.
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--window-size=1280,900",
    "about:blank",
)


def find_browser() -> str:
    """Where Chromium is; without it a test skips, and fails in continuous integration."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = "the status page is tested in Chromium: install the package `chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; CI=true, so it must be tested")
        pytest.skip(reason)
    return found


class Browser:
    """One browser with one page."""

    def __init__(self) -> None:
        program = find_browser()
        self._folder = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        from_us, self._write = os.pipe()
        self._read, to_us = os.pipe()
        pipe = [str(from_us), str(to_us)]
        folder = f"--user-data-dir={self._folder.name}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, *pipe, program, *ARGUMENTS, folder],
            pass_fds=(from_us, to_us),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        self._pending = b""
        self._id = 0
        self._session: str | None = None
        self.console: list[str] = []
        """What the page, or the browser about the page, complained of."""
        self.requests: list[str] = []
        """Every address that the page asked for, `data:` excepted."""
        target = next(
            t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"
        )
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and everything it wrote."""
        os.close(self._write)
        try:
            self._process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_S_MAX)
        os.close(self._read)
        self._folder.cleanup()

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command of the DevTools protocol and wait for its result."""
        self._id += 1
        message: dict[str, object] = {"id": self._id, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + ANSWER_S_MAX
        while True:
            told = self._receive(deadline_s)
            assert told is not None, f"the browser does not answer {method}"
            if told.get("id") == self._id:
                assert "error" not in told, (method, told["error"])
                return dict(told["result"])

    def open(self, url: str) -> None:
        """Go to an address, with nothing noted yet."""
        # What the page before still had to say is not this one's.
        self.call("Page.navigate", url="about:blank")
        self.wait_for("location.href === 'about:blank'", what="an empty page")
        self.console.clear()
        self.requests.clear()
        told = self.call("Page.navigate", url=url)
        assert "errorText" not in told, told

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        told = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, (script, told["exceptionDetails"])
        return told["result"].get("value")

    def text(self, selector: str) -> str:
        """What a reader sees of an element; empty when it is not there or hidden."""
        node = f"document.querySelector({json.dumps(selector)})"
        return str(self.evaluate(f"{node}?.checkVisibility() ? {node}.innerText : ''"))

    def wait_for(self, script: str, *, what: str, seconds: float = 10.0) -> float:
        """Look until an expression is true.

        Returns:
            When it was found to be, monotonic seconds.
        """
        return self.wait_until(lambda: bool(self.evaluate(script)), what=what, seconds=seconds)

    def wait_until(self, is_so: Callable[[], bool], *, what: str, seconds: float = 10.0) -> float:
        """Look until something is so, reading what the browser tells meanwhile.

        Returns:
            When it was found to be, monotonic seconds.
        """
        deadline_s = time.monotonic() + seconds * SLACK
        while not is_so():
            assert time.monotonic() < deadline_s, (
                f"not within {seconds} s: {what}; the page shows: {self.text('body')[:2_000]}"
            )
            self._receive(time.monotonic() + 0.02)
        return time.monotonic()

    def press(self, key: str, *, code: int = 0, text: str = "", shift: bool = False) -> None:
        """Press and release a key.

        Args:
            key: Its name, such as `Tab` or `/`.
            code: Its Windows virtual key code, which decides what the browser itself does.
            text: What it types; nothing for keys that type nothing.
            shift: Whether the shift key is held.
        """
        shared: dict[str, object] = {
            "key": key,
            "windowsVirtualKeyCode": code,
            "modifiers": 8 if shift else 0,
        }
        down = "keyDown" if text else "rawKeyDown"
        self.call("Input.dispatchKeyEvent", type=down, text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def type(self, text: str) -> None:
        """Type characters."""
        for character in text:
            self.press(character, text=character)

    def show(self, *, width: int, height: int, is_dark: bool = False) -> None:
        """Be a screen of so many CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = "dark" if is_dark else "light"
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, path: Path, *, is_whole: bool = True) -> None:
        """Save what is seen; the whole page, or what fits the screen."""
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def _receive(self, deadline_s: float) -> dict[str, Any] | None:
        """The next message; None when there is none in time."""
        while b"\0" not in self._pending:
            wait_s = deadline_s - time.monotonic()
            if wait_s <= 0 or not select.select([self._read], [], [], wait_s)[0]:
                return None
            data = os.read(self._read, READ_BYTES)
            assert data, "the browser has ended"
            self._pending += data
        text, _, self._pending = self._pending.partition(b"\0")
        told: dict[str, Any] = json.loads(text)
        self._note(told.get("method", ""), told.get("params", {}))
        return told

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith("data:"):
                self.requests.append(url)
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.console.append(str(params["args"]))
        elif method == "Log.entryAdded":
            self.console.append(str(params["entry"]))
