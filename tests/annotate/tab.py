"""One person's browser, for tests of the labelling pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Tab:
    """One person's browser: what it received, and whatever should not have happened in it.

    Args:
        trouble: dialogs, errors of scripts, violations of the policy.
    """

    def __init__(self, browser, **context) -> None:
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.trouble: list[str] = []
        self._responses: list = []
        self.page.on("response", lambda response: self._responses.append(response))  # noqa: PLW0108 - it must be a function
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("console", self._console)

    def _dialog(self, dialog) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message) -> None:
        # A refusal by the server is told to whoever sits there, and to the console by the browser.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.trouble.append(message.text)

    def enter(self, url: str, name: str) -> None:
        """Open the page and give a name; as a new coder where that is asked."""
        self.page.goto(url)
        self.page.fill("#name", name)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(
            "#work:not([hidden]), #confirm:not([hidden]), #finished:not([hidden]), #status.problem"
        )
        if self.page.is_visible("#confirm-yes"):
            self.page.keyboard.press("Enter")
            self.page.wait_for_selector("#work:not([hidden])")

    def told(self) -> str:
        """The progress line."""
        return self.page.inner_text("#told")

    def after(self, act: Callable[[], object]) -> None:
        """Do something that is answered by the server, and wait until the page shows the answer."""
        with self.page.expect_response("**/do/**"):
            act()
        self.page.wait_for_selector("body:not([aria-busy])")

    def everything(self) -> str:
        """All that came from the server so far, and the page as it is now."""
        bodies = [response.text() for response in self._responses]
        return "\n".join([*bodies, self.page.content()])

    def close(self) -> None:
        self.context.close()

    def item(self, folder: Path) -> str:
        """The item on the screen, known by its answer, which is told apart in these tests."""
        shown = self.page.inner_text("#answer")
        records = map(json.loads, (folder / "results.jsonl").read_text().splitlines())
        return next(record["item_id"] for record in records if record["full_response"] == shown)

    def label_by_keyboard(self, hallucination: str) -> None:
        """Label and save the item on the screen; nothing is abstained, and a hallucination is a moderate one."""
        for key in {"yes": "ys148", "no": "ns"}[hallucination]:
            self.page.keyboard.press(key)
        self.after(lambda: self.page.keyboard.press("Enter"))

    def label_by_mouse(self, hallucination: str) -> None:
        """The same labels, clicked."""
        chosen = [("hallucination", hallucination), ("abstained", "no")]
        if hallucination == "yes":
            chosen += [("types", "citation"), ("types", "existence"), ("severity", "moderate")]
        for name, value in chosen:
            option = self.page.locator(f"input[value={value}]")
            self.page.locator(f"fieldset[data-field={name}] label", has=option).click()
        self.after(lambda: self.page.click("#save"))
