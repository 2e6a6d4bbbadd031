"""The diagrams in the package's README are drawn from the tables of transitions.

`python -m tests.unit.iqfeed.test_session_diagram --write` draws them again after a table changed.
"""

import re
import sys
from pathlib import Path

import pytest

import gateway.iqfeed
from gateway.iqfeed.level2_session import LEVEL2_TRANSITIONS
from gateway.iqfeed.session import ADMIN_TRANSITIONS, TRANSITIONS, state_diagram

README = Path(gateway.iqfeed.__file__).parent / "README.md"
BEGIN = "<!-- diagrams: drawn by tests/unit/iqfeed/test_session_diagram.py, do not edit -->"
END = "<!-- end of the diagrams -->"
TABLES = {
    "A Level 1 connection": TRANSITIONS,
    "A Level 2 connection": LEVEL2_TRANSITIONS,
    "An admin connection": ADMIN_TRANSITIONS,
}


def drawn() -> str:
    """The block as it should be, between its marks."""
    diagrams = [
        f"{title}:\n\n```mermaid\n{state_diagram(table)}\n```" for title, table in TABLES.items()
    ]
    return "\n\n".join([BEGIN, *diagrams, END])


def redrawn(readme: str) -> str:
    """A README with its block drawn again.

    Raises:
        ValueError: It does not have exactly one block.
    """
    block = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if len(block.findall(readme)) != 1:
        raise ValueError(f"exactly one block between {BEGIN!r} and {END!r} is needed")
    return block.sub(lambda _: drawn(), readme)


def test_drawn_states_are_the_real_ones() -> None:
    """A diagram that is drawn by hand is wrong after the next change."""
    readme = README.read_text(encoding="utf-8")
    assert redrawn(readme) == readme, f"stale: run python -m {__name__} --write"


def test_a_stale_diagram_is_drawn_again() -> None:
    """The one-liner repairs what the test complains of, and leaves the rest alone."""
    stale = f"before\n{BEGIN}\nby hand\n{END}\nafter\n"
    assert redrawn(stale) == f"before\n{drawn()}\nafter\n"


@pytest.mark.parametrize("readme", ["", BEGIN, f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_its_block_is_an_error(readme: str) -> None:
    """A mark that was lost would leave a stale diagram that nothing checks."""
    with pytest.raises(ValueError, match="exactly one block"):
        redrawn(readme)


def test_every_state_and_event_is_drawn() -> None:
    """A diagram that leaves something out is believed all the same."""
    for table in TABLES.values():
        diagram = state_diagram(table)
        for link, moves in table.items():
            assert link.name in diagram
            for event, to in moves.items():
                assert f"    {link.name} --> {to.name}: {event.__name__}\n" in diagram


if __name__ == "__main__":
    fresh = redrawn(README.read_text(encoding="utf-8"))
    if "--write" in sys.argv:
        README.write_text(fresh, encoding="utf-8")
