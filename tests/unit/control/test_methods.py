"""The table of methods: what the contract calls available is there, and nothing else."""

import pytest

from gateway.control.desk import parse_params
from gateway.control.methods import HANDLERS, answer
from gateway.errors import InvalidParams, Unauthorized, UnknownMethod
from gateway.model.methods import METHODS, Role
from tests.unit.control.desk_bench import Bench


def test_every_available_method_has_a_handler_and_no_other() -> None:
    """`describe` promises exactly what is answered."""
    assert set(HANDLERS) == {name for name, spec in METHODS.items() if spec.is_available}


@pytest.mark.parametrize("name", [n for n, spec in METHODS.items() if spec.role is Role.ADMIN])
def test_an_admin_method_is_unauthorized(name: str) -> None:
    """Without keys nobody is an administrator; that is another answer than "no such method"."""
    with pytest.raises(Unauthorized):
        answer(Bench().requests, name, {})


@pytest.mark.parametrize("name", ["", "Ping", "ping ", "__init__", "Trends"])
def test_an_unknown_method_is_said_to_be_unknown(name: str) -> None:
    """Names of later versions and of Python's own attributes are no methods."""
    with pytest.raises(UnknownMethod):
        answer(Bench().requests, name, {})


def test_parameters_are_checked_before_anything_is_done() -> None:
    """A request that does not fit must not half happen."""
    bench = Bench()
    wrong: list[object] = [{}, {"client": "a b", "symbols": ["A"], "kinds": ["l1"]}, []]
    for params in wrong:
        with pytest.raises(InvalidParams):
            answer(bench.requests, "subscribe", params)
    assert bench.leases.living() == []


def test_no_parameters_are_no_mistake_where_none_are_needed() -> None:
    """Minimal clients leave `params` out, and unknown ones are ignored."""
    bench = Bench()
    for params in (None, {}, {"unknown": 1}):
        assert answer(bench.requests, "ping", params) == {}


def test_what_does_not_fit_is_quoted_and_cut() -> None:
    """Who reads the error looks for what they wrote."""
    with pytest.raises(InvalidParams) as caught:
        parse_params("errors", {"limit": "ten" * 999})
    assert "limit: " in str(caught.value)
    assert "(got 'tenten" in str(caught.value)
    assert len(str(caught.value)) < 500
