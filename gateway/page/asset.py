"""The page's file, and the policy that lets a browser run it and nothing else."""

import base64
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_STYLE: Final = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """The status page as it is served."""

    body: bytes
    """HTML, UTF-8."""
    policy: str
    """The Content-Security-Policy that it needs, and no more."""


def load_page() -> Page:
    """Read the page from the installed package.

    Its only script and its only style sheet are named by their hashes: whatever else gets into the
    page, such as markup in a consumer's name, the browser neither runs nor loads.
    """
    # On every system the same bytes, whatever a checkout made of the ends of lines.
    body = files("gateway.page").joinpath("status.html").read_bytes().replace(b"\r\n", b"\n")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(_SCRIPT, body)}",
            f"style-src {_hashes(_STYLE, body)}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return Page(body, policy)


def _hashes(pattern: "re.Pattern[bytes]", body: bytes) -> str:
    digests = (hashlib.sha256(text).digest() for text in pattern.findall(body))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
