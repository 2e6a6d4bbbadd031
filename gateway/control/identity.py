"""Who a gateway run is and what it allows, as `hello` answers."""

from dataclasses import dataclass
from typing import Final

from gateway.compiled.choice import Choice
from gateway.model import protocol
from gateway.wire.codec import MAP_ITEMS_MAX, TEXT_BYTES_MAX

LIMITS: Final = {
    **{
        name.lower(): value
        for name, value in vars(protocol).items()
        if name.endswith(("_MIN", "_MAX"))
    },
    # What the codec bounds beside the contract's own limits.
    "text_bytes_max": TEXT_BYTES_MAX,
    "map_items_max": MAP_ITEMS_MAX,
}
"""Every limit that a client can run into, by name."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this gateway run is."""

    gateway_id: str
    """The gateway's name."""
    version: str
    """The program's version."""
    epoch: int
    """Unix milliseconds at which this run began."""
    endpoints: dict[str, str]
    """Socket name to the address it is bound to."""
    capabilities: tuple[str, ...]
    """Optional features that are on."""
    pipeline: Choice
    """What makes messages of Level 1 lines."""
