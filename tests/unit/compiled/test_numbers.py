"""What the extension takes for the wire's numbers are the wire's."""

import pytest

from tests.support import pipelines

if pipelines.COMPILED not in pipelines.names_here():
    pytest.skip("the compiled pipeline was not built", allow_module_level=True)

from gateway.compiled import _pipeline
from gateway.model.enums import Flag
from gateway.model.messages import KIND_TYPES, MESSAGES, Kind


def test_messages_and_flags_are_the_contracts() -> None:
    """A number changed in one place only would make every message another one."""
    kinds = (Kind.QUOTE, Kind.TRADE, Kind.DEPTH, Kind.ORDER)
    assert _pipeline.messages == tuple(
        (kind.value, int(KIND_TYPES[kind]), len(MESSAGES[KIND_TYPES[kind]]._fields))
        for kind in kinds
    )
    assert _pipeline.flags == (int(Flag.SNAPSHOT), int(Flag.SUSPECT))
