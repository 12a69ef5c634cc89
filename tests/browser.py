"""A Chromium without a window, driven by its DevTools protocol over two pipes.

The protocol: https://chromedevtools.github.io/devtools-protocol/. Each message is JSON that ends
with a NUL; the browser reads from descriptor 3 and writes to 4 (--remote-debugging-pipe).
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.conftest import soon
from tests.waiting import ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# What the keyboard sends, for the names that the protocol wants (`Input.dispatchKeyEvent`).
_CODES = {
    "Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36,
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
_SHELL = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'


class Browser:
    """One page of a browser, and all that it asked for and complained of."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._number, self._left, self._session = 0, b"", ""
        self.requests: dict[str, str] = {}
        """What was asked for of a network or disk, and not refused by the page's own policy."""
        self.complaints: list[str] = []
        """What a console or a log of the page was told."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        told = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = told["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        """The browser's answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._receive()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    def open(self, page: Path) -> None:
        """Load a file, and wait until it has been loaded and drawn."""
        self.ask("Page.navigate", url="about:blank")  # what came before has no more to say
        self.evaluate("0")
        self.requests.clear()
        self.complaints.clear()
        self.ask("Page.navigate", url=page.as_uri())
        self.evaluate(
            "new Promise(done => { const ready = () => requestAnimationFrame(() => "
            "requestAnimationFrame(done)); document.readyState === 'complete' ? ready() : "
            "addEventListener('load', ready); })"
        )

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        told = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def prefer(self, **features: str) -> None:
        """What media queries find, as in `prefers_color_scheme="dark"`."""
        told = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        self.ask("Emulation.setEmulatedMedia", features=told)

    def resize(self, width: int, height: int) -> None:
        """The size of the window, in pixels."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other."""
        for key in keys:
            about: dict[str, Any] = {"key": key, "code": key}
            about["windowsVirtualKeyCode"] = _CODES[key]
            if key == "Enter":
                about["text"] = "\r"
            self.ask("Input.dispatchKeyEvent", type="keyDown", **about)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Type into what has the focus, and wait until the page has drawn what follows from it."""
        self.ask("Input.insertText", text=text)
        self.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def click(self, selector: str) -> None:
        """Click into the middle of an element, as a mouse does."""
        x, y = self.evaluate(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            "it.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const at = it.getBoundingClientRect();"
            "return [at.x + at.width / 2, at.y + at.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Write what is to be seen, as a PNG."""
        told = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(told["data"]))

    def cost(self) -> float:
        """The seconds of the processor that the page has taken so far."""
        told = self.ask("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in told if each["name"] == "TaskDuration"))

    def _receive(self) -> dict[str, Any]:
        with soon(60):
            while b"\0" not in self._left:
                some = os.read(self._back, 1 << 16)
                assert some, "the browser has ended"
                self._left += some
        line, _, self._left = self._left.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        self._note(told.get("method", ""), told.get("params", {}))
        return told

    def _note(self, kind: str, about: dict[str, Any]) -> None:
        if kind == "Network.requestWillBeSent":
            # A frame that was refused shows a page of the browser's own, which has pictures.
            if not about["documentURL"].startswith("chrome-error:"):
                self.requests[about["requestId"]] = about["request"]["url"]
        elif kind == "Network.loadingFailed" and about.get("blockedReason") == "csp":
            self.requests.pop(about["requestId"], None)
        elif kind in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}:
            self.complaints.append(json.dumps(about))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser, which has ended after the block; it keeps its files in `profile`."""
    reads, to = os.pipe()
    back, writes = os.pipe()
    words: Sequence[str] = ["chromium", *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    # A shell gives the pipes their numbers: in this process others may have them.
    command = ["bash", "-c", _SHELL, "bash", str(reads), str(writes), *words]
    try:
        process = subprocess.Popen(
            command, pass_fds=(reads, writes), stderr=subprocess.DEVNULL, start_new_session=True
        )
        os.close(reads)
        os.close(writes)
        with ending(process):
            yield Browser(to, back)
    finally:
        os.close(to)
        os.close(back)
