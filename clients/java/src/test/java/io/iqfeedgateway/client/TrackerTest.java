package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.iqfeedgateway.client.Tracker.Verdict;
import org.junit.jupiter.api.Test;

/** What is lost, repeated or restarted is seen. */
class TrackerTest {
    private static final long EPOCH = 1_000;
    private final Tracker tracker = new Tracker();

    @Test
    void theNextMessageIsGood() {
        assertEquals(Verdict.GOOD, tracker.update(EPOCH, 7, 0));
        assertEquals(Verdict.GOOD, tracker.update(EPOCH, 8, 0));
    }

    @Test
    void aHoleSaysWhatIsMissing() {
        tracker.update(EPOCH, 7, 0);
        assertEquals(Verdict.GAP, tracker.update(EPOCH, 10, 0));
        assertEquals(8, tracker.firstMissing);
        assertEquals(9, tracker.lastMissing);
    }

    @Test
    void aRepeatIsIgnoredUnlessItIsMeant() {
        tracker.update(EPOCH, 7, 0);
        assertEquals(Verdict.REPEAT, tracker.update(EPOCH, 7, 0));
        assertEquals(Verdict.REPLAYED, tracker.update(EPOCH, 7, Contract.Flag.REPLAY));
        assertEquals(7, tracker.sequence);
    }

    @Test
    void anotherEpochIsARestart() {
        tracker.update(EPOCH, 7, 0);
        assertEquals(Verdict.RESTART, tracker.update(EPOCH + 1, 1, 0));
    }

    @Test
    void aSnapshotAheadProvesALoss() {
        tracker.update(EPOCH, 7, 0);
        assertEquals(Verdict.GAP, tracker.snapshot(EPOCH, 9));
        assertEquals(Verdict.REPEAT, tracker.snapshot(EPOCH, 8));
    }

    @Test
    void aTailFindsTheLossOfALastMessage() {
        tracker.update(EPOCH, 7, 0);
        assertEquals(Verdict.GAP, tracker.tail(EPOCH, 8));
        assertEquals(Verdict.GOOD, tracker.tail(EPOCH, 8));
    }
}
