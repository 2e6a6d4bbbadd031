"""Which prices are flagged as implausible; they are published all the same."""

from typing import Annotated

from pydantic import Field

from gateway.settings.section import Section


class PlausibilitySettings(Section):
    """What is flagged SUSPECT beside what contradicts itself. Nothing is ever dropped for it."""

    price_max: Annotated[float, Field(ge=0)] = 10_000_000.0
    """A price beyond it, either way, is out of range: `price_out_of_range`. 0 for no limit."""
    jump_percent_max: Annotated[float, Field(ge=0)] = 0.0
    """A trade further from the last one than this, percent: `price_jump`. 0 for never: options,
    new listings and openings jump as they please."""
