"""Exceptions about IQConnect and DTN: connections, logins, watches, and what the vendor says."""

from gateway.errors.base import GatewayError, SecurityValidationError, Severity


class FeedError(GatewayError):
    """Something about the connection to IQConnect."""

    code = "feed"


class FeedThreadFailed(FeedError):
    """Our own feed thread ended; the gateway stops, and a supervisor starts it again."""

    code = "internal"
    severity = Severity.FATAL
    hint = "Read the log's last critical event, and report it: this is a bug of the gateway's."


class FeedClosed(FeedError):
    """IQConnect closed the connection."""

    code = "feed_closed"
    hint = "The gateway reconnects by itself; check that IQConnect is running if it does not."


class FeedTimedOut(FeedError):
    """IQConnect did not answer in time."""

    code = "feed_timed_out"
    hint = "The gateway reconnects by itself; check IQConnect and the configured host and ports."


class FeedUnreachable(FeedError):
    """IQConnect cannot be connected to."""

    code = "feed_unreachable"
    hint = "Start IQConnect, or correct its host and ports; the gateway connects by itself."


class LoginLost(FeedError):
    """IQConnect is not logged in to DTN and will not be by itself."""

    code = "login_lost"


class LoginRefused(LoginLost):
    """A login brought nothing, or nobody logs in at all."""

    code = "login_refused"
    hint = "Check IQFEED_LOGIN, IQFEED_PASSWORD and IQFEED_PRODUCT_ID, or log in by hand."


class LoginReplaced(LoginLost):
    """IQConnect was logged in, is not, and does not try: another machine took the login."""

    code = "login_replaced"
    hint = "One login works on one machine: find the other. With credentials the gateway logs in."


class WatchRefused(FeedError):
    """IQFeed refuses to deliver a symbol."""

    code = "watch_refused"
    severity = Severity.WARN


class SymbolNotFound(WatchRefused):
    """IQFeed does not know the symbol."""

    code = "symbol_not_found"
    hint = "Check the spelling against DTN's symbol guide; the vendor's symbols are upper case."


class WatchLimitReached(WatchRefused):
    """The login's symbol limit is used up."""

    code = "symbol_limit"
    hint = "Release symbols nobody needs, or ask DTN for a higher limit."


class NotEntitled(WatchRefused):
    """The account may not see what was asked for."""

    code = "not_entitled"
    hint = "Ask the gateway's operator for the entitlement, or DTN for the market."


class VendorReportedError(FeedError):
    """IQConnect sent an error line; it does not say which command it is about."""

    code = "vendor_error"
    severity = Severity.WARN
    hint = "Compare `vendor_text` with the vendor's documents; report it if the gateway caused it."


class CommandNotUnderstood(VendorReportedError):
    """IQConnect does not know a command."""

    code = "command_not_understood"
    severity = Severity.ERROR
    hint = "Update IQConnect; if it is current, report this: the gateway sent what it must not."


class ProtocolNotKnown(VendorReportedError):
    """IQConnect is older than the protocol asked for; the gateway asks for the next older one."""

    code = "protocol_not_known"
    hint = "Nothing breaks, but update IQConnect: older protocols deliver less."


class FieldNotKnown(VendorReportedError):
    """IQConnect does not know a field; the gateway goes on without it."""

    code = "field_not_known"
    hint = "Update IQConnect; until then the values of this field are absent."


class RequestMalformed(VendorReportedError):
    """IQConnect could not read the parameters of a request."""

    code = "request_malformed"
    severity = Severity.ERROR
    hint = "Report this: the gateway must never build such a request."


class HistoryLimitReached(VendorReportedError):
    """Too many requests for history at one time."""

    code = "history_limit"
    hint = "Ask for less at one time; other programs on this login count too."


class NothingFound(VendorReportedError):
    """There are no data for a request."""

    code = "no_data"
    hint = "Nothing to repair: check the symbol and the time range that were asked for."


class VendorServerFailed(VendorReportedError):
    """A server of DTN's failed, or IQConnect lost it."""

    code = "vendor_server_failed"
    severity = Severity.ERROR
    hint = "IQConnect tries again by itself; ask DTN's status page if it stays so."


class LocalProtocolError(FeedError):
    """We were about to send something the vendor's protocol does not allow."""

    code = "local_protocol"
    hint = "Report this: the gateway must never build such a command."


class SymbolInvalid(LocalProtocolError, SecurityValidationError):
    """A symbol that must not reach the vendor's command line."""

    code = "symbol_invalid"
    severity = Severity.WARN
    hint = (
        "Use upper case letters, digits and @+#$=./!&^_%- only, 1 to 48 characters, "
        "no comma and no blank at either end."
    )


class RemoteProtocolError(FeedError):
    """IQFeed sent something we cannot accept."""

    code = "remote_protocol"
    hint = "Compare `line` with gateway/iqfeed/README.md; an upgrade may have moved a field."
