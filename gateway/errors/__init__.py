"""Every exception the gateway raises, as one tree.

    GatewayError
    ├── ConfigError
    ├── SecurityValidationError
    ├── ResourceExhausted: QueueFull, DescriptorsExhausted
    ├── FeedError
    │   ├── FeedThreadFailed, FeedClosed, FeedTimedOut, FeedUnreachable
    │   ├── LoginLost: LoginRefused, LoginReplaced
    │   ├── WatchRefused: SymbolNotFound, WatchLimitReached, NotEntitled
    │   ├── VendorReportedError
    │   │   ├── CommandNotUnderstood, ProtocolNotKnown, FieldNotKnown
    │   │   └── RequestMalformed, HistoryLimitReached, NothingFound, VendorServerFailed
    │   └── LocalProtocolError: SymbolInvalid · RemoteProtocolError
    ├── CodecError: DecodeError, UnknownMessage, SchemaMismatch
    ├── BookError: BookCrossed, SequenceGap
    ├── ProgramFailed
    ├── BreakerOpen
    ├── AlertNotDelivered
    ├── SlowConsumer: ConsumerEvicted
    └── RpcError
        ├── UnknownMethod, UnsupportedVersion, InvalidParams, OutOfRange
        ├── Unauthorized, QuotaExceeded, LeaseExpired
        └── Overloaded, RateLimited, UpstreamDown, RequestTimedOut

`SymbolInvalid` is a SecurityValidationError too; `QuotaExceeded` and `Overloaded` are
ResourceExhausted too.

An exception holds facts as keyword arguments; its text is built from them on demand, bounded, so
that a hostile value can neither flood nor forge a log line. `hint` says what to do next.
"""

from gateway.errors.base import (
    FACT_CHARACTERS_MAX,
    AlertNotDelivered,
    BreakerOpen,
    ConfigError,
    DescriptorsExhausted,
    GatewayError,
    ProgramFailed,
    QueueFull,
    ResourceExhausted,
    SecurityValidationError,
    Severity,
    bounded,
)
from gateway.errors.data import (
    BookCrossed,
    BookError,
    CodecError,
    ConsumerEvicted,
    DecodeError,
    SchemaMismatch,
    SequenceGap,
    SlowConsumer,
    UnknownMessage,
)
from gateway.errors.requests import (
    InvalidParams,
    LeaseExpired,
    OutOfRange,
    Overloaded,
    QuotaExceeded,
    RateLimited,
    RequestTimedOut,
    RpcError,
    Unauthorized,
    UnknownMethod,
    UnsupportedVersion,
    UpstreamDown,
)
from gateway.errors.upstream import (
    CommandNotUnderstood,
    FeedClosed,
    FeedError,
    FeedThreadFailed,
    FeedTimedOut,
    FeedUnreachable,
    FieldNotKnown,
    HistoryLimitReached,
    LocalProtocolError,
    LoginLost,
    LoginRefused,
    LoginReplaced,
    NotEntitled,
    NothingFound,
    ProtocolNotKnown,
    RemoteProtocolError,
    RequestMalformed,
    SymbolInvalid,
    SymbolNotFound,
    VendorReportedError,
    VendorServerFailed,
    WatchLimitReached,
    WatchRefused,
)

__all__ = [
    "FACT_CHARACTERS_MAX",
    "AlertNotDelivered",
    "BookCrossed",
    "BookError",
    "BreakerOpen",
    "CodecError",
    "CommandNotUnderstood",
    "ConfigError",
    "ConsumerEvicted",
    "DecodeError",
    "DescriptorsExhausted",
    "FeedClosed",
    "FeedError",
    "FeedThreadFailed",
    "FeedTimedOut",
    "FeedUnreachable",
    "FieldNotKnown",
    "GatewayError",
    "HistoryLimitReached",
    "InvalidParams",
    "LeaseExpired",
    "LocalProtocolError",
    "LoginLost",
    "LoginRefused",
    "LoginReplaced",
    "NotEntitled",
    "NothingFound",
    "OutOfRange",
    "Overloaded",
    "ProgramFailed",
    "ProtocolNotKnown",
    "QueueFull",
    "QuotaExceeded",
    "RateLimited",
    "RemoteProtocolError",
    "RequestMalformed",
    "RequestTimedOut",
    "ResourceExhausted",
    "RpcError",
    "SchemaMismatch",
    "SecurityValidationError",
    "SequenceGap",
    "Severity",
    "SlowConsumer",
    "SymbolInvalid",
    "SymbolNotFound",
    "Unauthorized",
    "UnknownMessage",
    "UnknownMethod",
    "UnsupportedVersion",
    "UpstreamDown",
    "VendorReportedError",
    "VendorServerFailed",
    "WatchLimitReached",
    "WatchRefused",
    "bounded",
]
