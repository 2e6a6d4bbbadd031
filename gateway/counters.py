"""Everything the gateway counts: one catalogue, its numbers, bounded samples of bad lines."""

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from gateway.errors import bounded

SAMPLES_MAX = 50
SAMPLE_CHARACTERS_MAX = 200


class Counter(enum.Enum):
    """Every counter, by its name and what one count means."""

    FEED_BYTES = "feed_bytes", "Bytes read from IQConnect."
    FEED_LINES = "feed_lines", "Complete lines read from IQConnect."
    LINES_OVERSIZE = "lines_oversize", "Lines longer than the limit, dropped whole."
    LINES_UNKNOWN = "lines_unknown", "Lines whose first letter is not known."
    LINES_TRUNCATED = "lines_truncated", "Lines with fewer columns than agreed, rejected."
    LINES_EXTRA_COLUMNS = "lines_extra_columns", "Lines with more columns than agreed, accepted."
    LINES_UNMAPPED = "lines_unmapped", "P and Q lines before a field set was agreed, dropped."
    LINES_UNWATCHED = "lines_unwatched", "Lines for symbols that nobody watches (any more)."
    LINES_DUPLICATE = "lines_duplicate", "Q lines that repeat the symbol's last one, dropped."
    LINES_OUT_OF_ORDER = "lines_out_of_order", "Lines older than those before, flagged SUSPECT."
    LINES_INVALID = "lines_invalid", "Lines that do not fit their layout, rejected."
    VALUES_INVALID = "values_invalid", "Fields that could not be read, published as nil."
    VENDOR_ERRORS = "vendor_errors", "Error lines (E) from IQConnect."
    PROCESSING_FAULTS = "processing_faults", "Lines that made our own code fail; always a bug."
    MESSAGES_PUBLISHED = "messages_published", "Frames handed to the data socket."
    TRADES_PUBLISHED = "trades_published", "Messages of kind trade."
    QUOTES_PUBLISHED = "quotes_published", "Messages of kind quote."
    MESSAGES_SUSPECT = "messages_suspect", "Quotes and trades that failed a plausibility check."
    SUSPECT_CROSSED = "suspect_crossed", "Of those, quotes whose bid was above the ask."
    SUSPECT_LOCKED = "suspect_locked", "Of those, quotes whose bid was the ask."
    SUSPECT_PRICE_NOT_POSITIVE = "suspect_price_not_positive", "Of those, zero or negative prices."
    SUSPECT_SIZE_ZERO = "suspect_size_zero", "Of those, trades of nothing."
    SUSPECT_PRICE_OUT_OF_RANGE = "suspect_price_out_of_range", "Of those, prices beyond the range."
    SUSPECT_PRICE_JUMP = "suspect_price_jump", "Of those, trades too far from the last one."
    SUSPECT_VALUE_UNREADABLE = "suspect_value_unreadable", "Of those, with a value that was none."
    GAPS_TOLD = "gaps_told", "Symbols told that trades were missed during an interruption."
    SYMBOLS_AUDITED = "symbols_audited", "Values asked anew of symbols suspiciously quiet."
    SYMBOLS_SILENT = "symbols_silent", "Symbols found to have stopped although the link goes on."
    WATCHES_REPEATED = "watches_repeated", "Watches sent again because no answer came."
    REFRESHES_REFUSED = "refreshes_refused", "Requests for values put off, over the budget."
    QUOTES_MERGED = "quotes_merged", "Quotes replaced by newer ones under load, before publishing."
    BACKLOGS_SHED = "backlogs_shed", "Times more lines waited than may, and quotes were merged."
    SUMMARIES_PUBLISHED = "summaries_published", "Messages of kind summary."
    SUMMARIES_MERGED = "summaries_merged", "Summary updates merged into a later summary."
    ORDERS_PUBLISHED = "orders_published", "Messages of kind order."
    DEPTHS_PUBLISHED = "depths_published", "Messages of kind depth."
    BOOKS_PUBLISHED = "books_published", "Messages of kind book, variants included."
    BOOKS_MERGED = "books_merged", "Book updates merged into a later book."
    BOOKS_SUSPECT = "books_suspect", "Books published with flag SUSPECT: crossed, locked, odd."
    BOOK_ROWS_UNKNOWN = "book_rows_unknown", "Deletions of rows we do not have, ignored."
    BOOK_ROWS_REFUSED = "book_rows_refused", "Rows refused because a book was full."
    BOOK_ROWS_EXPIRED = "book_rows_expired", "Market makers' rows deleted for their age."
    BOOK_IMAGES_ASKED = "book_images_asked", "Fresh books asked of the vendor, being in doubt."
    BOOK_IMAGES_REFUSED = "book_images_refused", "Fresh books not asked for, over the budget."
    BOOK_VARIANTS_REFUSED = "book_variants_refused", "Variants not made, a symbol having enough."
    VARIANTS_PUBLISHED = "variants_published", "Messages of conflated quotes and summaries."
    VARIANT_UPDATES_MERGED = "variant_updates_merged", "Updates that conflated messages stand for."
    VARIANTS_REFUSED = "variants_refused", "Such topics not made, their topic having enough."
    SNAPSHOTS_ANSWERED = "snapshots_answered", "Private snapshot subscriptions answered."
    EVENTS_REPLAYED = "events_replayed", "Events sent again on request, from memory."
    EVENTS_FORGOTTEN = "events_forgotten", "Kept events that had to make room before their age."
    SUBSCRIPTIONS_SEEN = "subscriptions_seen", "Subscription frames read from the data socket."
    SUBSCRIPTIONS_REFUSED = "subscriptions_refused", "Subscriptions not granted."
    SUBSCRIBERS_CUT = "subscribers_cut", "Consumers cut off for going on although refused."
    SNAPSHOTS_DELAYED = "snapshots_delayed", "Snapshots put off, one consumer asking for too many."
    TOKENS_REFUSED = "tokens_refused", "Private client topics that were one too many."
    CONSUMERS_SLOW = "consumers_slow", "Times a consumer was named for falling behind."
    CONSUMERS_EVICTED = "consumers_evicted", "Consumers cut off."
    CONNECTIONS_CROWDED = "connections_crowded", "New connections cut off, a resource being short."
    USER_MESSAGES = "user_messages", "Frames on the data socket that are no subscription."
    WISHES_REFUSED = "wishes_refused", "Subscriptions that could not be counted as wishes."
    WISHES_HELD = "wishes_held", "Subscriptions that had to wait, a resource being short."
    RPC_REQUESTS = "rpc_requests", "Requests on the control socket."
    RPC_REPEATS = "rpc_repeats", "Requests sent twice, answered as the first time."
    RPC_ERRORS = "rpc_errors", "Requests answered with an error."
    RPC_REPLIES_LOST = "rpc_replies_lost", "Replies whose requester was gone or did not read."
    ALERTS_UNPUBLISHED = "alerts_unpublished", "Alerts not published, the feed thread being behind."
    ALERTS_REFUSED = "alerts_refused", "Alerts and figures not followed, there being too many."
    CONNECTS = "connects", "Connections opened to IQConnect."
    DISCONNECTS = "disconnects", "Connections to IQConnect that ended."
    WATCHES_SENT = "watches_sent", "Watch commands sent."
    COMMANDS_REFUSED = "commands_refused", "Commands dropped because a queue was full."
    FACTS_DROPPED = "facts_dropped", "Facts for the control loop dropped, its queue being full."
    LOG_TEXTS_DROPPED = "log_texts_dropped", "Log texts dropped, nobody reading them."
    LOG_REPEATS_SUPPRESSED = "log_repeats_suppressed", "Log events left out as repeats, and told."
    LOG_LINES_LOST = "log_lines_lost", "Lines missing from log files: disk full, gone or behind."
    AUDIT_LINES_LOST = "audit_lines_lost", "Lines missing from the audit log, which says so."
    AUDIT_SYNCS_FAILED = "audit_syncs_failed", "Times the audit log was not surely on the disk."
    LOG_ROTATIONS_FAILED = "log_rotations_failed", "Full log files that could not be put aside."
    WEBHOOK_ALERTS_DELIVERED = "webhook_alerts_delivered", "Alerts that the web address accepted."
    WEBHOOK_ALERTS_FAILED = "webhook_alerts_failed", "Alerts that it did not, after all attempts."
    WEBHOOK_ALERTS_DROPPED = "webhook_alerts_dropped", "Alerts for it dropped, its queue full."
    COMMAND_ALERTS_DELIVERED = "command_alerts_delivered", "Alerts that the program was told."
    COMMAND_ALERTS_FAILED = "command_alerts_failed", "Alerts that it was not, after all attempts."
    COMMAND_ALERTS_DROPPED = "command_alerts_dropped", "Alerts for it dropped, its queue full."
    ERRORS_DROPPED = "errors_dropped", "Entries of the error history that had to make room."
    RESYNCS_ASKED = "resyncs_asked", "Fresh values asked of the vendor on a consumer's request."
    RESYNCS_REFUSED = "resyncs_refused", "Such requests refused, over the budget."
    FRAMES_RELAYED = "frames_relayed", "Frames that a relay passed on from the gateway."
    BYTES_RELAYED = "bytes_relayed", "Bytes of those frames."
    FRAMES_INVALID = "frames_invalid", "Frames from the gateway that a relay could not read."
    UPSTREAM_REOPENED = "upstream_reopened", "Connections to the gateway made anew after silence."
    UPSTREAM_REPEATED = "upstream_repeated", "Times everything was asked of the gateway once more."
    STALLS = "stalls", "Times a relay did not run for a second or more."
    RPC_FORWARDED = "rpc_forwarded", "Requests that a relay passed on to the gateway."
    RPC_UNANSWERED = "rpc_unanswered", "Those that the gateway did not answer in time."
    RPC_REPLIES_LATE = "rpc_replies_late", "Replies of the gateway that nobody waited for any more."
    HTTP_REQUESTS = "http_requests", "Requests over HTTP, refused ones included."
    HTTP_REFUSED = "http_refused", "HTTP requests and connections answered with an error of theirs."
    HTTP_TIMED_OUT = "http_timed_out", "HTTP requests, answers and clients that took too long."
    HTTP_DISPLACED = "http_displaced", "HTTP clients that kept us waiting and had to make room."
    HTTP_DELAYED = "http_delayed", "HTTP requests and connections that waited for their turn."
    HTTP_FAULTS = "http_faults", "HTTP requests that made our own code fail; always a bug."
    PAGES_CUT = (
        "pages_cut",
        "Status pages cut off because they took what they were told too slowly.",
    )
    PAGES_BEHIND = "pages_behind", "Seconds in which the feed thread did not tell status pages."
    HANDSHAKES_ADMITTED = "handshakes_admitted", "Handshakes whose key let their peer in."
    HANDSHAKES_REFUSED = "handshakes_refused", "Handshakes refused for their key or address."
    HANDSHAKES_LIMITED = "handshakes_limited", "Handshakes refused for being too many."
    HANDSHAKES_FAILED = "handshakes_failed", "Handshakes that ended before a key was judged."
    CONNECTIONS_REVOKED = "connections_revoked", "Connections cut because their grant ended."
    FRAMES_UNGRANTED = "frames_ungranted", "Frames of connections whose grant had ended, dropped."
    CONNECTIONS_FLOODING = "connections_flooding", "Connections cut for what they sent unread."
    SUBSCRIPTIONS_DENIED = "subscriptions_denied", "Subscriptions their client may not have."
    SNAPSHOTS_DENIED = "snapshots_denied", "Private topics answered with not_entitled."
    CONNECTIONS_LIMITED = "connections_limited", "Connections cut that were one too many."
    REQUESTS_DENIED = "requests_denied", "Requests for what their client may not ask for or see."
    REQUESTS_LIMITED = "requests_limited", "Requests refused, their client asking too often."
    REQUESTS_CUT = "requests_cut", "Control connections cut for going on although refused."
    USAGE_DROPPED = "usage_dropped", "Facts missing from the usage report, there being too many."
    KEY_LOOKS_CHANGED = "key_looks_changed", "Times the files of clients had changed."
    CACHE_RESETS = "cache_resets", "Text-to-value caches emptied because they were full."

    def __init__(self, label: str, sentence: str) -> None:
        self.label = label
        self.sentence = sentence

    # Enum hashes by name through Python code; identity is as unique and five times as fast.
    __hash__ = object.__hash__


class Counters:
    """The numbers behind `Counter`: one writer thread each, any reader."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[Counter, int] = dict.fromkeys(Counter, 0)

    def add(self, counter: Counter, count: int = 1) -> None:
        """Count something `count` times."""
        self._values[counter] += count

    def value(self, counter: Counter) -> int:
        """How often it was counted since the process began."""
        return self._values[counter]

    def reader(self, *counters: Counter) -> Callable[[], tuple[int, ...]]:
        """A quick way to read some counters, two or more, again and again."""
        return partial(itemgetter(*counters), self._values)

    def as_map(self) -> dict[str, int]:
        """Every counter by its label."""
        return {counter.label: value for counter, value in self._values.items()}


@dataclass(frozen=True, slots=True)
class Sample:
    """One bad line, kept as evidence."""

    counter: Counter
    """What was wrong with it."""
    count: int
    """How often that had happened, this one included."""
    detail: str
    """What exactly, in a few words."""
    line: str
    """The line, escaped and cut."""


class Complaints:
    """Counts bad input and keeps a bounded sample of it.

    Every occurrence is counted; the 1st, 2nd, 4th, 8th, … of each counter is kept and handed to
    `on_sample`. So the log grows with the logarithm of the trouble, without a clock.

    Args:
        counters: Where to count.
        on_sample: Told of each sample kept; for the log.
    """

    __slots__ = ("_counters", "_on_sample", "samples")

    def __init__(
        self, counters: Counters, *, on_sample: Callable[[Sample], None] | None = None
    ) -> None:
        self._counters = counters
        self._on_sample = on_sample
        self.samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)

    def complain(self, counter: Counter, line: str, detail: str) -> None:
        """Count one bad line or value and perhaps keep it.

        Args:
            counter: What is wrong.
            line: The offending line; it is escaped and cut before it is kept.
            detail: What exactly is wrong with it; quoted values must already be bounded.
        """
        self._counters.add(counter)
        count = self._counters.value(counter)
        if count & (count - 1):
            return
        text = bounded(line, characters_max=SAMPLE_CHARACTERS_MAX)
        sample = Sample(counter, count, detail, text)
        self.samples.append(sample)
        if self._on_sample is not None:
            self._on_sample(sample)
