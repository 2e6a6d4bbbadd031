"""Parameters of control requests are checked before anybody acts on them."""

from typing import Any

import pydantic
import pytest

from gateway.model.methods import METHODS, HelloParams, Request, SubscribeParams, UnsubscribeParams

SUBSCRIBE: dict[str, Any] = {"client": "desk-1", "symbols": ["AAPL"], "kinds": ["l1"]}


def test_subscribe_has_its_defaults() -> None:
    """A client that names only the necessary gets the documented rest."""
    params = SubscribeParams.model_validate(SUBSCRIBE)
    assert (params.lease_s, params.wait_ms, params.data_token) == (60, 0, None)
    assert params.symbols == ("AAPL",)


@pytest.mark.parametrize(
    "change",
    [
        {"client": ""},
        {"client": "a b"},
        {"client": "a" * 65},
        {"client": 5},
        {"symbols": []},
        {"symbols": "AAPL"},
        {"symbols": [5]},
        {"symbols": [b"AAPL"]},
        {"symbols": ["A" * 65]},
        {"symbols": ["A"] * 5001},
        {"kinds": []},
        {"kinds": ["quote"] * 33},
        {"kinds": ["trade@250"]},
        {"kinds": ["quote@0"]},
        {"kinds": ["image"]},
        {"kinds": ["quote\n"]},
        {"lease_s": 4},
        {"lease_s": 86401},
        {"lease_s": "60"},
        {"lease_s": 60.0},
        {"lease_s": True},
        {"wait_ms": -1},
        {"wait_ms": 2001},
        {"data_token": "short"},
        {"data_token": "0123456789abc."},
        {"data_token": "a" * 33},
    ],
    ids=str,
)
def test_subscribe_refuses_what_is_out_of_bounds(change: dict[str, Any]) -> None:
    """Every bound is a promise that the gateway's memory and the vendor's limits rely on."""
    with pytest.raises(pydantic.ValidationError):
        SubscribeParams.model_validate({**SUBSCRIBE, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": ["quote@250", "book@1000", "l2", "state"]},
        {"symbols": ["@ESZ25", "BRK.B", "$SPX.X", ""]},
        {"symbols": ["A"] * 5000},
        {"lease_s": 86400, "wait_ms": 2000},
        {"data_token": "0123456789abcd"},
        {"something_newer": [1, 2]},
    ],
    ids="-".join,
)
def test_subscribe_takes_what_is_within_bounds(change: dict[str, Any]) -> None:
    """A bound that is tighter than documented breaks clients that read the documentation."""
    SubscribeParams.model_validate({**SUBSCRIBE, **change})


def test_hello_needs_nothing() -> None:
    """A person with a bare socket should get an answer."""
    assert HelloParams.model_validate({}).client is None


def test_optional_params_may_be_nil() -> None:
    """Languages without optional keys send nil for what they leave out."""
    params = UnsubscribeParams.model_validate({"client": "a", "symbols": None, "lease_id": None})
    assert (params.symbols, params.kinds, params.lease_id) == (None, None, None)


@pytest.mark.parametrize("deadline_ms", [0, 60001, "5", 1.5])
def test_a_deadline_has_bounds(deadline_ms: object) -> None:
    """A deadline of a day would keep the request's memory for a day."""
    request = {"v": 1, "id": 1, "method": "ping", "deadline_ms": deadline_ms}
    with pytest.raises(pydantic.ValidationError):
        Request.model_validate(request)


@pytest.mark.parametrize("echoed", [None, 5, "a", [1], {"a": 1}, b"\x00", 2**64 - 1])
def test_an_id_may_be_anything(echoed: object) -> None:
    """The id belongs to the caller."""
    request = Request.model_validate({"v": 1, "id": echoed, "method": "ping"})
    assert request.id == echoed


@pytest.mark.parametrize("name", [name for name in METHODS if name.startswith("admin.")])
def test_admin_methods_demand_a_reason(name: str) -> None:
    """The audit log says who and why; a why that may be left out is left out."""
    assert METHODS[name].role == "admin"
    assert METHODS[name].params.model_fields["reason"].is_required()


def test_params_are_frozen() -> None:
    """A handler must not change what the audit log will print."""
    params = SubscribeParams.model_validate(SUBSCRIBE)
    with pytest.raises(pydantic.ValidationError):
        params.lease_s = 5  # type: ignore[misc]
