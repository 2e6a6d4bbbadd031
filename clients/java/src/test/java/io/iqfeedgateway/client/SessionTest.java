package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.zeromq.ZMQ;

/** What the application gave up stays given up, and what the client needs it keeps. */
class SessionTest {
    private static final String QUOTE = "quote,AAPL,";
    private static final long S = 1_000_000_000L;
    private static final List<String> SYMBOLS = List.of("AAPL", "MSFT");
    private static final Map<String, Object> ANSWER =
            Map.of("lease_id", "a", "topics", List.of(), "rejected", List.of());

    private final Options options = Options.builder().dataEndpoint("tcp://127.0.0.1:1")
            .controlEndpoint("tcp://127.0.0.1:1").build();
    private final ZMQ.Context context = ZMQ.context(1);
    private final RpcClient rpc = new RpcClient(context, options);
    private final Subscriber subscriber = new Subscriber(context, options);
    private final Delivery queue =
            new Delivery(10, 10, Long.MAX_VALUE, (overrun, skipped, gaps) -> { });
    private final Session session = new Session(options, rpc, subscriber, queue);

    @AfterEach
    void close() {
        rpc.close(new GatewayClientException.NotConnected("closed"));
        subscriber.close();
        context.close();
    }

    private void take(boolean isNew) {
        session.take(SYMBOLS, List.of("quote"), isNew, ANSWER, null, S);
    }

    private void giveUp(List<String> symbols) {
        session.giveUp(symbols, null, S, S, new CompletableFuture<>());
    }

    @Test
    void whatWasGivenUpIsNotTakenAgainByALateAnswer() {
        take(true);
        giveUp(SYMBOLS);
        long requests = rpc.requestCount;
        take(false);
        assertTrue(session.leases.kindsOf("AAPL").isEmpty());
        assertEquals(Long.MAX_VALUE, session.leases.deadlineNs());
        assertEquals(0, session.joins.openCount());
        assertTrue(!subscriber.repair(QUOTE));
        assertEquals(requests + 1, rpc.requestCount, "the lease is given back");
    }

    @Test
    void aLateAnswerKeepsWhatIsStillWanted() {
        take(true);
        giveUp(List.of("AAPL"));
        take(false);
        assertTrue(!subscriber.repair(QUOTE));
        assertTrue(subscriber.repair("quote,MSFT,"));
        assertEquals(List.of("MSFT"), session.leases.due(60 * S).get(0).symbols);
    }

    @Test
    void whatTheClientItselfListensToStays() {
        session.listenTo(List.of("sys,", "bar,AAPL,"));
        session.forget(List.of(Topics.HEARTBEAT, Topics.TAILS, "sys,", "bar,AAPL,"));
        Topics.SYS.forEach(topic -> assertTrue(subscriber.repair(topic), topic));
        assertTrue(!subscriber.repair("bar,AAPL,"));
        session.intake.receive(Frames.heartbeat(1));
        assertEquals(1, session.intake.heartbeatCount);
    }
}
