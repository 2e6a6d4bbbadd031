"""Exceptions that are answers to control requests."""

from gateway.errors.base import GatewayError, ResourceExhausted, Severity


class RpcError(GatewayError):
    """A control request that gets an error for an answer."""

    code = "bad_request"
    severity = Severity.WARN
    hint = "Compare the request with what `describe` answers."


class UnknownMethod(RpcError):
    """No such method."""

    code = "unknown_method"
    hint = "Ask `describe` for the methods this gateway has."


class UnsupportedVersion(RpcError):
    """A protocol version this gateway does not speak."""

    code = "unsupported_version"
    hint = "Send v: 1."


class InvalidParams(RpcError):
    """Parameters that do not fit the method."""

    code = "bad_request"
    hint = "Compare the parameters with the method's JSON Schema in `describe`."


class Unauthorized(RpcError):
    """The caller may not use this method."""

    code = "unauthorized"
    hint = "Admin methods need the admin role, or security.allow_local_admin on a local gateway."


class LeaseExpired(RpcError):
    """The lease ended; what it held is no longer held."""

    code = "lease_expired"
    hint = "Subscribe again; renew before expires_us next time."


class QuotaExceeded(RpcError, ResourceExhausted):
    """A limit for this client is used up."""

    code = "quota_exceeded"
    hint = "Release leases or symbols this client no longer needs."


class OutOfRange(RpcError):
    """Larger than a limit that `hello` states."""

    code = "out_of_range"
    hint = "Split the request; the limits are in `hello`."


class Overloaded(RpcError, ResourceExhausted):
    """A bounded queue is full."""

    code = "busy"
    hint = "Retry after retry_ms."


class RateLimited(RpcError):
    """Too many requests in a short time."""

    code = "rate_limited"
    hint = "Retry after retry_ms; spread requests or ask for more in one."


class UpstreamDown(RpcError):
    """IQConnect or its link to DTN is down."""

    code = "upstream_down"
    hint = "Retry after retry_ms; `health` says which link is down and since when."


class RequestTimedOut(RpcError):
    """The answer did not come before the deadline."""

    code = "timeout"
    hint = "Retry; if it repeats, read `health`."
