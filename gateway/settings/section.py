"""What every section of the settings shares."""

from typing import Annotated, Final

import pydantic
from pydantic import Field

PORT_MAX: Final = 65_535
Port = Annotated[int, Field(ge=1, le=PORT_MAX)]
C_INT_MAX: Final = 2_147_483_647
"""More does not fit into an option of a socket, or another integer of C."""
Positive = Annotated[int, Field(gt=0, le=C_INT_MAX)]
NAME_PATTERN: Final = r"^[A-Za-z0-9._:@-]{1,64}$"


class Section(pydantic.BaseModel):
    """One section: cannot be changed once read, and refuses names it does not know."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
