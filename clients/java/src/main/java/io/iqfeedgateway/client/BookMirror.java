package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import io.iqfeedgateway.client.GatewayClientException.SequenceGap;
import io.iqfeedgateway.client.Message.OrderRow;
import io.iqfeedgateway.client.Message.PriceLevel;
import io.iqfeedgateway.client.Message.Row;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * A copy of one symbol's order book, kept from an image and the updates behind it. No I/O.
 *
 * <p>Subscribe to the topic, ask for an image, hand everything that comes to {@link #apply}. The
 * image carries the sequence N of the last update it contains: updates up to N are dropped, N+1 and
 * so on are applied, and a hole makes the copy not current until another image comes. Updates that
 * arrive while it is not current are kept, so neither the order in which image and updates arrive
 * nor a late image matters; what is current equals the gateway's own book at {@link #sequence}.
 *
 * <p>{@link GatewayClient} asks for images by itself, when it joins and after every kind of loss.
 * With another source, ask for one whenever {@link #isCurrent} is false. Not for several threads at
 * a time.
 */
public final class BookMirror {
    /** Rows a mirror keeps unless told otherwise. */
    public static final int ROWS_MAX = 1_000_000;

    /** Updates kept while an image is awaited; beyond that the oldest are dropped. */
    static final int WAITING_MAX = 100_000;
    private static final Set<String> FRESH_STATES =
            Set.of(Contract.SymbolState.LIVE, Contract.SymbolState.PENDING);

    private final String kind;
    private final String symbol;
    private final String topic;
    private final int rowsMax;
    private final BookRows rows;
    private final TreeMap<Long, Message> waiting = new TreeMap<>();
    private Long epoch;
    private long sequence;
    private String reason = "no image has come yet";
    private boolean isKnown;
    private String state;
    private long lastFlags;
    private boolean isToldStale; // By the symbol's `state`.
    private boolean isFlaggedStale; // By the last message since then.
    private boolean isBased; // Whether the rows are those of `sequence` in `epoch`.

    /** Follows one topic, with room for {@link #ROWS_MAX} rows. */
    public BookMirror(String kind, String symbol) {
        this(kind, symbol, ROWS_MAX);
    }

    /**
     * Follows one topic.
     *
     * @param kind {@code order} (orders, or market makers' best rows) or {@code depth} (levels).
     * @param symbol The vendor's spelling.
     * @param rowsMax Rows kept; a bigger book makes the mirror not current.
     * @throws InvalidArgument Another kind, or no room for rows.
     */
    public BookMirror(String kind, String symbol, int rowsMax) {
        if (!Topics.BOOK_EVENT_KINDS.contains(kind)) {
            throw new InvalidArgument("no kind of rows", "Use order or depth.", "kind", kind);
        }
        if (rowsMax < 1) {
            throw new InvalidArgument("a mirror needs rows", "Use 1 or more.", "rows_max", rowsMax);
        }
        this.kind = kind;
        this.symbol = symbol;
        this.topic = Topics.topicOf(kind, symbol);
        this.rowsMax = rowsMax;
        this.rows = new BookRows(rowsMax);
    }

    // What the book holds.

    /** What is followed. */
    public String topic() {
        return topic;
    }

    /** The run the rows belong to, Unix milliseconds; null before anything was heard. */
    public Long epoch() {
        return epoch;
    }

    /** The last update the rows contain. */
    public long sequence() {
        return sequence;
    }

    /** Why it is not current; null while it is. */
    public String reason() {
        return reason;
    }

    /** Whether the rows are the gateway's own at {@link #sequence}, and nothing is known lost. */
    public boolean isCurrent() {
        return reason == null;
    }

    /** Whether anything was heard of the book: if not, that it is empty means nothing. */
    public boolean isKnown() {
        return isKnown;
    }

    /** Whether the upstream is not live, so that the book may be old although it is current. */
    public boolean isStale() {
        return isToldStale || isFlaggedStale;
    }

    /** State of the symbol's Level 2 data as last told by a {@code state}; null before. */
    public String state() {
        return state;
    }

    /** Flags of the last message that was applied; LAST marks the end of an atomic group. */
    public long lastFlags() {
        return lastFlags;
    }

    /** Bid levels, best first; of orders, orderCount is the number of rows at the price. */
    public List<PriceLevel> bids() {
        return rows.levels(BookRows.BID);
    }

    /** Ask levels, best first; of orders, orderCount is the number of rows at the price. */
    public List<PriceLevel> asks() {
        return rows.levels(BookRows.ASK);
    }

    /** Highest bid level; null when nobody buys. */
    public PriceLevel bestBid() {
        return rows.best(BookRows.BID);
    }

    /** Lowest ask level; null when nobody sells. */
    public PriceLevel bestAsk() {
        return rows.best(BookRows.ASK);
    }

    /** Whether the best bid is above the best ask. */
    public boolean isCrossed() {
        return bestBid() != null && bestAsk() != null
                && bestBid().price() > bestAsk().price();
    }

    /**
     * The orders of a side, best price first, then by their place in the queue.
     *
     * @param side One of {@link Contract.Side}.
     * @throws InvalidArgument No side, or a mirror of {@code depth}, which has no orders.
     */
    public List<OrderRow> orders(String side) {
        if (!BookRows.isSide(side)) {
            throw new InvalidArgument("not a side", "Use B or A.", "side", side);
        }
        if (!kind.equals("order")) {
            throw new InvalidArgument("a mirror of depth has no orders", "Follow kind order.");
        }
        return rows.inOrder(side).stream().map(OrderRow.class::cast).toList();
    }

    /** All rows as an image lists them: bids best first, then asks best first. */
    public List<Row> rows() {
        List<Row> found = rows.inOrder(BookRows.BID);
        found.addAll(rows.inOrder(BookRows.ASK));
        return found;
    }

    // Following.

    /**
     * Takes whatever the stream brings; what is not about this book is ignored.
     *
     * @param item A message or an event of a client's stream, or a message from any other source.
     * @return Whether the rows may have changed.
     * @throws SequenceGap Updates are missing. The mirror is not current any more: ask for an image
     *     and hand it over. A client's own stream tells of a loss before, by a Gap, so this is not
     *     thrown there, and the image is on its way.
     */
    public boolean apply(StreamItem item) {
        if (item instanceof Message.Order || item instanceof Message.Depth) {
            Message update = (Message) item;
            return isOurs(update) && takeUpdate(update);
        }
        if (item instanceof Message.Image image) {
            return isOurs(image) && takeImage(image);
        }
        if (item instanceof Message.State told && told.symbol().equals(symbol)) {
            takeState(told);
        } else if (item instanceof Event.GatewayRestarted told) {
            // One that comes late, after messages of a newer run, tells nothing new.
            if (epoch == null || told.newEpoch() > epoch || told.oldEpoch() == epoch) {
                restart(told.newEpoch());
                return true;
            }
        } else if (item instanceof Event.Gap gap) {
            takeGap(gap);
        } else if (item instanceof Event.Overrun told) {
            // When several topics lost messages, the Gaps that follow say which, as far as they go.
            if (topic.equals(told.topic()) || (told.topic() == null && told.unnamed() > 0)) {
                lose(told.dropped() + " messages were dropped unread");
            }
        } else if (item instanceof Event.Disconnected) {
            isFlaggedStale = true;
            lose("the gateway is not heard");
        }
        return false;
    }

    private boolean isOurs(Message message) {
        return message.symbol().equals(symbol)
                && Topics.splitPrivate(message.kind()).equals(kind);
    }

    /** Stops being current until an image comes. */
    private void lose(String why) {
        if (isBased) {
            reason = why;
        }
    }

    /** Begins anew with another run of the gateway: what was known is of no use there. */
    private void restart(long newEpoch) {
        if (epoch != null) {
            reason = "the gateway was restarted";
        }
        epoch = newEpoch;
        sequence = 0;
        isKnown = isBased = isToldStale = isFlaggedStale = false;
        state = null;
        rows.clear();
        waiting.clear();
    }

    /** Follows the newest run; what an earlier one sent, or is sent again, changes none. */
    private boolean isOfThisRun(Message message) {
        if (epoch != null && message.epoch() == epoch) {
            return true;
        }
        if ((message.flags() & Tracker.RESENT) != 0 || (epoch != null && message.epoch() < epoch)) {
            return false;
        }
        restart(message.epoch());
        return true;
    }

    private boolean takeUpdate(Message update) {
        if (!isOfThisRun(update)) {
            return false;
        }
        if (isCurrent() && update.sequence() == sequence + 1) {
            return change(update);
        }
        if (update.sequence() <= sequence) {
            return false;
        }
        if (!isBased && update.sequence() == 1) {
            // The first message of a run finds the book empty.
            rows.clear();
            isBased = true;
            reason = null;
            boolean isChanged = change(update);
            return catchUp() || isChanged;
        }
        if (isCurrent() && (update.flags() & Tracker.RESENT) != 0) {
            return false;
        }
        waiting.put(update.sequence(), update);
        if (waiting.size() > WAITING_MAX) {
            waiting.pollFirstEntry();
        }
        if (isCurrent()) {
            throw gapBefore(update.sequence());
        }
        return false;
    }

    /** Stops being current for what is missing before a sequence. */
    private SequenceGap gapBefore(long next) {
        SequenceGap gap = new SequenceGap(topic, sequence + 1, next - 1);
        reason = gap.reason();
        return gap;
    }

    private boolean takeImage(Message.Image image) {
        if (!isOfThisRun(image)) {
            return false;
        }
        if (isBased && image.sequence() < sequence) {
            return false; // The rows are newer already, and never go back.
        }
        rows.clear();
        sequence = image.sequence();
        isKnown = image.rows() != null;
        isBased = true;
        reason = null;
        note(image.flags() & ~Contract.Flag.SNAPSHOT);
        List<Row> listed = image.rows() == null ? List.of() : image.rows();
        for (Row row : listed) {
            if (!put(row)) {
                return true;
            }
        }
        catchUp();
        return true;
    }

    /** Applies the updates that were kept, as far as they follow the rows without a hole. */
    private boolean catchUp() {
        boolean isChanged = false;
        while (isCurrent() && !waiting.isEmpty()) {
            if (waiting.firstKey() > sequence + 1) {
                throw gapBefore(waiting.firstKey());
            }
            Message update = waiting.pollFirstEntry().getValue();
            if (update.sequence() > sequence) {
                isChanged |= change(update);
            }
        }
        return isChanged;
    }

    private void takeGap(Event.Gap gap) {
        boolean isOfThisRun = gap.epoch() == 0 || (epoch != null && gap.epoch() == epoch);
        if (gap.topic().equals(topic) && !gap.healed() && isOfThisRun
                && gap.lastMissing() > sequence) {
            lose(new SequenceGap(topic, gap.firstMissing(), gap.lastMissing()).reason());
        }
    }

    private void takeState(Message.State told) {
        if (!isOfThisRun(told)) {
            return;
        }
        boolean isPublic = Topics.splitPrivate(told.kind()).equals("state");
        // A gateway tells of Level 2 while somebody wants it: no word means that nobody does.
        Object otherwise = isPublic ? Contract.SymbolState.CLOSED : told.state();
        Object level2 = told.details() == null || !told.details().containsKey("level2")
                ? otherwise : told.details().get("level2");
        state = level2 == null ? null : String.valueOf(level2);
        boolean isStaleNow = state == null || !FRESH_STATES.contains(state);
        if (isPublic) {
            isToldStale = isStaleNow;
            isFlaggedStale &= isStaleNow;
        } else {
            // The answer on a private topic: nothing will take it back but a message.
            isFlaggedStale = isStaleNow;
        }
    }

    // The rows.

    private void note(long flags) {
        lastFlags = flags;
        isFlaggedStale = (flags & Contract.Flag.STALE) != 0;
    }

    /** Applies the update that is next. */
    private boolean change(Message update) {
        sequence = update.sequence();
        isKnown = true;
        note(update.flags());
        Row row = BookRows.rowOf(update);
        String side = BookRows.sideOf(row);
        if (!BookRows.isSide(side)) {
            return spoil("a row has an unknown side");
        }
        switch (String.valueOf(BookRows.actionOf(update))) {
            case Contract.Action.CLEAR:
                return rows.clearSide(side);
            case Contract.Action.DELETE:
                return rows.remove(BookRows.keyOf(row));
            case Contract.Action.ADD:
            case Contract.Action.UPDATE:
                put(row);
                return true;
            default:
                return spoil("a row has an unknown action");
        }
    }

    private boolean put(Row row) {
        if (!BookRows.isSide(BookRows.sideOf(row)) || BookRows.priceOf(row) == null) {
            return spoil("a row has no side or no price");
        }
        return rows.put(row) || spoil("the book has more than " + rowsMax + " rows");
    }

    /** Gives the rows up: what they say is not what the gateway's book says. */
    private boolean spoil(String why) {
        rows.clear();
        reason = why;
        return false;
    }
}
