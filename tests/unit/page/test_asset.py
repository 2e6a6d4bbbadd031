"""The page's file: whole by itself, and allowed to run nothing but itself."""

import base64
import hashlib
import re

from gateway.page.asset import load_page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """It must work on a machine without a way to the internet."""
    text = load_page().body.decode("utf-8")
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+", text.replace("// ", "")))
    # Names of markup languages, which nobody fetches.
    assert {a for a in addresses if "w3.org" not in a} == set()
    assert re.findall(r"<(?:script|link|img|iframe|object|embed)[^>]*\bsrc=", text) == []
    assert text.count("<script>") == text.count("<style>") == 1


def test_text_never_becomes_markup() -> None:
    """Everything from outside is written as text: there is no way in the file to do otherwise."""
    text = load_page().body.decode("utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new F"):
        assert way not in text, way
    assert re.findall(r"\son[a-z]+=", text) == []
    assert re.findall(r"\sstyle=", text) == []


def test_the_policy_names_the_only_script_and_the_only_style() -> None:
    """What else gets into the page is not run."""
    page = load_page()
    for tag in (b"script", b"style"):
        match = re.search(b"<" + tag + b">(.*?)</" + tag + b">", page.body, re.DOTALL)
        assert match is not None
        digest = base64.b64encode(hashlib.sha256(match[1]).digest()).decode()
        assert f"{tag.decode()}-src 'sha256-{digest}';" in page.policy
    assert page.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in page.policy
    assert "connect-src 'self'" in page.policy
