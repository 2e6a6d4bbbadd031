"""What a person sees on the status page."""

import json
from typing import Any, Final

from tests.support.browser import Browser

TABLES: Final = {
    "links": "#links-rows > tr",
    "consumers": "#consumers-rows > tr",
    "alerts": "#alerts-rows > tr",
    "errors": "#errors-rows > tr",
    "symbols": "#symbols-rows > tr",
}


class StatusView:
    """One open status page.

    Args:
        browser: Shows it.
        url: Where it is.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self) -> None:
        """Open it, and wait until it shows something."""
        self.browser.open(self.url)
        self.browser.wait_for(
            "document.querySelector('#health')?.dataset.level !== undefined", what="a status"
        )

    @property
    def level(self) -> str:
        """The level of health that is shown."""
        return str(self.browser.evaluate("document.querySelector('#health').dataset.level"))

    def rows(self, table: str) -> list[list[str]]:
        """The texts of a table's rows that are drawn, cell by cell."""
        selector = json.dumps(TABLES[table])
        script = (
            f"[...document.querySelectorAll({selector})]"
            ".map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
        )
        found: list[list[str]] = self.browser.evaluate(script)
        return found

    def row(self, table: str, first: str) -> list[str]:
        """The row whose first cell begins with a text; empty when none does."""
        return next((row for row in self.rows(table) if row[0].startswith(first)), [])

    def search(self, text: str) -> None:
        """Put the cursor into the search field with the key for it, and type."""
        if self.browser.evaluate("document.activeElement.id") != "search":
            self.browser.press("/", text="/")
        self.browser.type(text)

    def overflow(self) -> tuple[int, int]:
        """How wide the page is, and how wide the screen is, in pixels."""
        root = "document.documentElement"
        wide: list[int] = self.browser.evaluate(f"[{root}.scrollWidth, {root}.clientWidth]")
        return wide[0], wide[1]

    def contrasts(self) -> list[dict[str, Any]]:
        """Every text that is seen, with the contrast it has against what is behind it."""
        found: list[dict[str, Any]] = self.browser.evaluate(CONTRASTS)
        return found


CONTRASTS: Final = """
(() => {
  const parse = (color) => {
    const parts = color.match(/[0-9.]+/g).map(Number);
    return parts.length > 3 ? parts : [...parts, 1];
  };
  const light = ([r, g, b]) => {
    const f = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const color = parse(getComputedStyle(n).backgroundColor);
      if (color[3] === 1) return color;
    }
    return [255, 255, 255, 1];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) continue;
    if (!node.checkVisibility() || node.closest(".hidden, .skip")) continue;
    const pair = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    found.push({ text: text.slice(0, 40), contrast });
  }
  return found;
})()
"""
"""The contrast of two colors as the Web Content Accessibility Guidelines define it."""
