package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.iqfeedgateway.client.GatewayClientException.SequenceGap;
import io.iqfeedgateway.client.Message.PriceLevel;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A copy that calls itself current is the gateway's book. */
class BookMirrorTest {
    private final BookMirror mirror = new BookMirror("depth", "@ES#");

    private static Message update(long sequence, String action, String side, Double price,
            Long size) {
        return Codec.decodeFrame(Frames.frame("depth,@ES#,", 5, Frames.EPOCH, sequence, 0,
                action, side, price, size, 1L));
    }

    private static Message image(long sequence, List<?>... rows) {
        return Codec.decodeFrame(
                Frames.frame("depth,@ES#,", 13, Frames.EPOCH, sequence, 1, Arrays.asList(rows)));
    }

    @Test
    void updatesBeforeTheImageWaitForIt() {
        assertFalse(mirror.apply(update(6, "add", "A", 102.0, 5L)));
        assertFalse(mirror.isCurrent());
        assertTrue(mirror.apply(image(5, List.of("add", "B", 100.0, 3L, 1L))));
        assertTrue(mirror.isCurrent());
        assertEquals(6, mirror.sequence());
        assertEquals(new PriceLevel(100.0, 3, 1L), mirror.bestBid());
        assertEquals(new PriceLevel(102.0, 5, 1L), mirror.bestAsk());
    }

    @Test
    void aHoleEndsItAndAnImageBringsItBack() {
        mirror.apply(image(5));
        assertThrows(SequenceGap.class, () -> mirror.apply(update(7, "add", "B", 99.0, 1L)));
        assertFalse(mirror.isCurrent());
        mirror.apply(image(6));
        assertTrue(mirror.isCurrent());
        assertEquals(7, mirror.sequence());
    }

    @Test
    void rowsAreReplacedDeletedAndCleared() {
        mirror.apply(update(1, "add", "B", 99.0, 1L));
        mirror.apply(update(2, "update", "B", 99.0, 4L));
        mirror.apply(update(3, "add", "B", 98.0, 2L));
        assertEquals(List.of(new PriceLevel(99.0, 4, 1L), new PriceLevel(98.0, 2, 1L)),
                mirror.bids());
        mirror.apply(update(4, "delete", "B", 99.0, null));
        assertEquals(98.0, mirror.bestBid().price());
        mirror.apply(update(5, "clear", "B", null, null));
        assertTrue(mirror.bids().isEmpty());
    }

    @Test
    void everyKindOfLossEndsIt() {
        mirror.apply(update(1, "add", "B", 99.0, 1L));
        mirror.apply(new Event.Gap("depth,@ES#,", 2, 3, false, Frames.EPOCH, false));
        assertEquals("updates 2 to 3 are missing", mirror.reason());
        mirror.apply(image(4));
        mirror.apply(new Event.Disconnected("silence", 3.0));
        assertTrue(mirror.isStale() && !mirror.isCurrent());
        mirror.apply(new Event.GatewayRestarted(Frames.EPOCH, Frames.EPOCH + 1));
        assertFalse(mirror.isKnown());
    }
}
