"""What is known of one topic: how to read it, where it stands, what is being healed. No I/O."""

from gateway_client import codec, topics
from gateway_client.entries import Slot
from gateway_client.tracker import TopicTracker


class Route(Slot):
    """Everything known of one topic."""

    __slots__ = (
        "ask_at", "ask_step", "gap_first", "gap_last", "has_image", "has_snapshot", "is_baseline",
        "is_from_start", "is_of_prefix", "is_state", "merged_index", "needs_image", "tracker",
        "type",
    )  # fmt: skip

    def __init__(self, topic: str) -> None:
        kind, symbol, _ = topic.split(",", 2)
        super().__init__(topic, kind=topics.split_private(kind), symbol=symbol)
        base = topics.base_kind(self.kind)
        self.type = codec.TYPE_OF_KIND.get(symbol if base == "sys" else base, 0)
        self.merged_index = codec.MERGED_INDEX.get(self.type)
        self.is_state = base in topics.STATE_KINDS
        self.has_image = base in topics.BOOK_EVENT_KINDS
        self.is_baseline = base in topics.BASELINE_KINDS
        """Whether a snapshot only tells where the sequence stands: lost messages are replayed."""
        self.has_value = self.is_state or self.has_image
        self.has_snapshot = self.has_value or self.is_baseline
        self.is_of_prefix = False
        """Whether it is followed only because a kind prefix is."""
        self.is_from_start = False
        """Whether nothing was published yet, as far as we know: what comes first has no number."""
        self.tracker = TopicTracker()
        self.gap_first = 0
        self.gap_last = 0
        """The hole a snapshot is awaited for; 0 when there is none."""
        self.needs_image = False
        """Whether updates are of no use before an image has come."""
        self.ask_at = 0
        self.ask_step = 1
        self.want_image()

    def begin_anew(self) -> None:
        """Follow another run of the gateway; holes of the earlier one are past healing."""
        self.gap_first = self.gap_last = 0
        self.is_from_start = False
        self.want_image()

    def want_image(self) -> None:
        """Have an image asked for by the next update that finds none asked for."""
        self.needs_image = self.has_image
        self.ask_at, self.ask_step = 0, 1
