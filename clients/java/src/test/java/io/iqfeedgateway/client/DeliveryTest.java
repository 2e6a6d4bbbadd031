package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A slow application gets what is current, and is told what it missed. */
class DeliveryTest {
    private final Route quotes = new Route("quote,AAPL,");
    private final Route trades = new Route("trade,AAPL,");
    private final List<Event.Overrun> overruns = new ArrayList<>();

    private Delivery queue(int capacity, int conflateAbove) {
        return new Delivery(capacity, conflateAbove, Long.MAX_VALUE,
                (overrun, skipped, gaps) -> overruns.add(overrun));
    }

    private Entry quote(long sequence) {
        return new Entry.Pending(quotes, header(Frames.quote(sequence, sequence)), true, false);
    }

    private Entry trade(long sequence) {
        return new Entry.Pending(trades, header(Frames.trade(sequence)), false, false);
    }

    private static Header header(byte[] frame) {
        return new Header(frame, Codec.topicEnd(frame));
    }

    private static StreamItem take(Delivery queue) throws InterruptedException {
        Entry entry = queue.take(0);
        if (entry instanceof Entry.Pending message) {
            return message.decode();
        }
        return entry == null ? null : ((Entry.Told) entry).event();
    }

    @Test
    void statesAreConflatedAndCounted() throws InterruptedException {
        Delivery queue = queue(10, 1);
        queue.extend(List.of(quote(1), quote(2), quote(3)), 1);
        Message.Quote quote = (Message.Quote) take(queue);
        assertEquals(3, quote.sequence());
        assertEquals(3L, quote.merged());
        assertEquals(Contract.Flag.CONFLATED, quote.flags());
        assertNull(take(queue));
    }

    @Test
    void tradesThatFindNoRoomAreNamed() throws InterruptedException {
        Delivery queue = queue(3, 3);
        queue.extend(List.of(quote(1), trade(1), trade(2), trade(3)), 1);
        assertEquals(new Event.Overrun("trade,AAPL,", 2, 0), take(queue));
        assertEquals(new Event.Gap("trade,AAPL,", 1, 2, false, Frames.EPOCH, true), take(queue));
        assertEquals("quote", ((Message) take(queue)).kind());
        assertEquals(3, ((Message) take(queue)).sequence());
        assertEquals(1, overruns.size());
        assertEquals(2, queue.droppedCount);
    }
}
