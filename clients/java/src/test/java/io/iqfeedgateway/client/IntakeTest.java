package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Every loss is told where it happened, and what heals it is told too. */
class IntakeTest {
    private static final String QUOTE = "quote,AAPL,";
    private static final String TRADE = "trade,AAPL,";

    private final Joins joins = new Joins();
    private final Replays replays = new Replays(Replays.HOLES_MAX);
    private final Intake intake = new Intake(joins, replays);

    private List<StreamItem> told() {
        List<StreamItem> items = new ArrayList<>();
        for (Entry entry : intake.out) {
            items.add(entry instanceof Entry.Told told
                    ? told.event() : ((Entry.Pending) entry).decode());
        }
        intake.out.clear();
        return items;
    }

    @Test
    void aHoleInQuotesIsHealedByASnapshot() {
        intake.add(QUOTE);
        intake.receive(Frames.quote(1, 1.0));
        intake.receive(Frames.quote(4, 4.0));
        List<StreamItem> items = told();
        assertEquals(new Event.Gap(QUOTE, 2, 3, false, Frames.EPOCH, false), items.get(1));
        String asked = joins.start(1).get(0);
        assertTrue(asked.startsWith("~") && asked.endsWith("." + QUOTE), asked);
        intake.receive(Frames.frame(asked, 1, Frames.EPOCH, 4, 1, 4.0, 100L));
        items = told();
        assertEquals(Contract.Flag.SNAPSHOT, ((Message) items.get(0)).flags());
        assertEquals(new Event.Gap(QUOTE, 2, 3, true, Frames.EPOCH, false), items.get(1));
        assertEquals(List.of(asked), intake.answered);
    }

    @Test
    void lostTradesComeByReplayAndEachOnce() {
        intake.add(TRADE);
        intake.receive(Frames.trade(1));
        intake.receive(Frames.trade(4));
        told();
        Replays.Request request = replays.start(1).get(0);
        assertEquals(2, request.first());
        assertEquals(3, request.last());
        List<Object> bodies = List.of(body(2), body(3));
        intake.out.addAll(replays.answered(
                request, Map.of("bodies", bodies, "complete", true), null, 2));
        List<StreamItem> items = told();
        assertEquals(2, ((Message.Trade) items.get(0)).sequence());
        assertEquals(3, ((Message.Trade) items.get(1)).sequence());
        assertEquals(new Event.Gap(TRADE, 2, 3, true, Frames.EPOCH, false), items.get(2));
        assertEquals(0, replays.holeCount);
    }

    private static Object body(long sequence) {
        byte[] frame = Frames.frame("", 2, Frames.EPOCH, sequence, Contract.Flag.REPLAY,
                Frames.tradeItems());
        return new BodyReader(frame, 0).readValue();
    }

    @Test
    void whatTheGatewayNoLongerHasIsLostForGood() {
        intake.add(TRADE);
        intake.receive(Frames.trade(1));
        intake.receive(Frames.trade(5));
        told();
        Replays.Request request = replays.start(1).get(0);
        Map<String, Object> answer =
                Map.of("bodies", List.of(body(4)), "complete", false, "oldest", 4L);
        intake.out.addAll(replays.answered(request, answer, null, 2));
        List<StreamItem> items = told();
        assertEquals(new Event.Gap(TRADE, 2, 3, false, Frames.EPOCH, true), items.get(0));
        assertEquals(4, ((Message.Trade) items.get(1)).sequence());
        assertEquals(2, replays.lostCount);
    }

    @Test
    void aTailFindsTheLossOfALastTrade() {
        intake.add(TRADE);
        intake.receive(Frames.trade(1));
        intake.receive(Frames.frame("sys,tails,", 21, Frames.EPOCH, 1, 0,
                Map.of("topics", Map.of(TRADE, 3L))));
        List<StreamItem> items = told();
        assertEquals(new Event.Gap(TRADE, 2, 3, false, Frames.EPOCH, false), items.get(1));
    }

    @Test
    void aRestartEndsTheHopeForWhatWasBeingFetched() {
        intake.add(TRADE);
        intake.receive(Frames.trade(1));
        intake.receive(Frames.trade(3));
        told();
        intake.receive(Frames.frame(TRADE, 2, Frames.EPOCH + 1, 1, 0, Frames.tradeItems()));
        List<StreamItem> items = told();
        assertEquals(new Event.Gap(TRADE, 2, 2, false, Frames.EPOCH, true), items.get(0));
        assertInstanceOf(Event.GatewayRestarted.class, items.get(1));
        assertTrue(intake.hasRestarted);
    }

    @Test
    void garbageIsCountedAndNeverThrown() {
        intake.receive(new byte[] {1, 2, 3});
        intake.receive("quote,AAPL,\u0007".getBytes());
        intake.receive(Frames.quote(1, 1.0)); // Nobody asked for it.
        assertEquals(2, intake.badFrameCount);
        assertEquals(1, intake.unroutedCount);
        assertTrue(told().isEmpty());
    }

    @Test
    void whatAPrefixBroughtIsNotAskedForAgainAfterIt() {
        intake.add("quote,");
        intake.receive(Frames.quote(1, 1.0));
        intake.receive(Frames.quote(4, 4.0));
        String asked = joins.start(1).get(0);
        intake.receive(Frames.frame("quote,MSFT,", 1, Frames.EPOCH, 1, 0, 1.0, 100L));
        intake.askAgain("quote,MSFT,");
        intake.remove("quote,");
        assertEquals(0, joins.openCount());
        assertEquals(List.of(asked), intake.answered);
        assertTrue(joins.overdue(Long.MAX_VALUE / 2).isEmpty());
    }

    @Test
    void anAnsweredTopicIsUnsubscribedThoughNobodyFollowsIt() {
        joins.ask(QUOTE);
        String asked = joins.start(1).get(0);
        intake.receive(Frames.frame(asked, 1, Frames.EPOCH, 4, 1, 4.0, 100L));
        assertEquals(List.of(asked), intake.answered);
        assertEquals(0, joins.openCount());
    }

    @Test
    void whatIsCutShortWasNotReceivedAndIsFetched() {
        intake.add(TRADE);
        intake.add(QUOTE);
        intake.receive(Frames.trade(1));
        intake.receive(Frames.quote(1, 1.0));
        told();
        for (byte[] frame : List.of(Frames.trade(2), Frames.quote(2, 2.0),
                Frames.frame(TRADE, 2, Frames.EPOCH, 2, 0, Double.NaN))) {
            intake.receive(Arrays.copyOf(frame, frame.length - 1));
        }
        intake.receive(Frames.frame(TRADE, 2, Frames.EPOCH, 2, 0, Double.NaN));
        assertEquals(4, intake.badFrameCount);
        assertTrue(told().isEmpty());
        intake.receive(Frames.trade(3));
        intake.receive(Frames.quote(3, 3.0));
        List<StreamItem> items = told();
        assertEquals(new Event.Gap(TRADE, 2, 2, false, Frames.EPOCH, false), items.get(0));
        assertEquals(new Event.Gap(QUOTE, 2, 2, false, Frames.EPOCH, false), items.get(2));
        assertEquals(2, replays.start(1).get(0).first());
    }

    @Test
    void aLongTextIsPassedOverWhole() {
        intake.add(QUOTE);
        intake.receive(Frames.frame(QUOTE, 99, Frames.EPOCH, 1, 0, "x".repeat(300)));
        assertEquals(0, intake.badFrameCount);
        assertEquals(1, intake.unknownCount);
    }
}
