"""Settings as they may be shown: what is or may be a secret is left out."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.logs import MASK, hints_at_secret
from gateway.settings.sections import Settings

_HIDDEN: Final = re.compile(r"\*+")
"""What a secret's own type shows of it."""


def masked(settings: Settings) -> dict[str, Any]:
    """Every setting with its value, nested as in the file, of JSON's types only.

    Of commands only the program is shown, since people write passwords into arguments; of a URL
    only scheme and host, since its path may be a key.
    """
    return _masked_map(settings.model_dump(mode="json"))


def _masked_map(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _masked(name, value) for name, value in values.items()}


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _masked_map(value)
    if value is None or isinstance(value, bool):
        return value
    if hints_at_secret(name) or (isinstance(value, str) and _HIDDEN.fullmatch(value)):
        return MASK
    if name == "command" and isinstance(value, list):
        return [*value[:1], *(MASK for _ in value[1:])]
    if name.endswith("_url") and isinstance(value, str):
        parts = urlsplit(value)
        return f"{parts.scheme}://{parts.hostname or ''}/{MASK}"
    return value
