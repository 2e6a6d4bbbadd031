package io.iqfeedgateway.client;

import java.util.List;

/** What is known of one topic: how to read it, where it stands, what is being healed. No I/O. */
final class Route {
    private static final int HEADER_ITEMS = 6;

    final String topic;
    final String kind;
    final String symbol;
    /** Its message number. */
    final int type;
    /** Place of `merged` in the body; -1 where there is none. */
    final int mergedIndex;
    final boolean isState;
    final boolean hasImage;
    /** Whether a snapshot only tells where the sequence stands: lost messages are replayed. */
    final boolean isBaseline;
    /** Whether a newer message, or an image, stands for those that were lost. */
    final boolean hasValue;
    final boolean hasSnapshot;
    final Tracker tracker = new Tracker();
    /** The state message that waits in the queue, if any; belongs to the queue's lock. */
    Entry.Pending pending;
    /** Whether it is followed only because a kind prefix is. */
    boolean isOfPrefix;
    /** Whether nothing was published yet, as far as we know: what comes first has no number. */
    boolean isFromStart;
    /** The hole a snapshot is awaited for; 0 when there is none. */
    long gapFirst;
    long gapLast;
    /** Whether updates are of no use before an image has come. */
    boolean needsImage;
    long askAt;
    long askStep;

    Route(String topic) {
        String[] parts = topic.split(",", 3);
        this.topic = topic;
        this.kind = Topics.splitPrivate(parts[0]);
        this.symbol = parts[1];
        String base = Topics.baseKind(kind);
        this.type = Codec.typeOf(base.equals("sys") ? symbol : base);
        this.mergedIndex = mergedIndex(Codec.layoutOf(type));
        this.isState = Contract.STATE_KINDS.contains(base);
        this.hasImage = Topics.BOOK_EVENT_KINDS.contains(base);
        this.isBaseline = Topics.BASELINE_KINDS.contains(base);
        this.hasValue = isState || hasImage;
        this.hasSnapshot = hasValue || isBaseline;
        wantImage();
    }

    private static int mergedIndex(Layout layout) {
        List<Layout.Item> items = layout == null ? List.of() : layout.items();
        for (int i = 0; i < items.size(); i++) {
            if (items.get(i).name().equals("merged")) {
                return HEADER_ITEMS + i;
            }
        }
        return -1;
    }

    /** Whether a known type other than the kind's own may come on the topic. */
    boolean isCarried(long number) {
        return (hasImage && number == Contract.MessageType.IMAGE)
                || (kind.equals("sys") && Codec.isCarried(symbol, (int) number));
    }

    /** Follows another run of the gateway; holes of the earlier one are past healing. */
    void beginAnew() {
        closeGap();
        isFromStart = false;
        wantImage();
    }

    /** Has an image asked for by the next update that finds none asked for. */
    void wantImage() {
        needsImage = hasImage;
        askAt = 0;
        askStep = 1;
    }

    /** Awaits a snapshot for no hole any more. */
    void closeGap() {
        gapFirst = 0;
        gapLast = 0;
    }

    /** Awaits a snapshot for a hole, and for those it is awaited for already. */
    void widen(long first, long last) {
        gapFirst = gapFirst == 0 ? first : Math.min(gapFirst, first);
        gapLast = Math.max(gapLast, last);
    }
}
