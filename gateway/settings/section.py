"""What every section of the settings shares."""

from typing import Annotated, Final

import pydantic
from pydantic import Field

PORT_MAX: Final = 65_535
Port = Annotated[int, Field(ge=1, le=PORT_MAX)]
Positive = Annotated[int, Field(gt=0)]
NAME_PATTERN: Final = r"^[A-Za-z0-9._:@-]{1,64}$"


class Section(pydantic.BaseModel):
    """One section: cannot be changed once read, and refuses names it does not know."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
