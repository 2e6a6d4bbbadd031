package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The end of the reader thread is told for what it is. */
class EngineTest {
    private final Engine engine = new Engine(Options.builder().dataEndpoint("tcp://127.0.0.1:1")
            .controlEndpoint("tcp://127.0.0.1:1").connectTimeout(Duration.ofSeconds(60)).build());

    @Test
    void aDeathIsNoCleanEnd() throws InterruptedException {
        CompletableFuture<Void> future = new CompletableFuture<>();
        engine.start();
        engine.post(nowNs -> {
            intake().out.add(new Entry.Told(new Event.Disconnected("silence", 1)));
            throw new AssertionError("on purpose");
        }, future);
        engine.join();
        assertTrue(future.isCompletedExceptionally());
        assertTrue(engine.take(0) instanceof Entry.Told, "what came before it is read first");
        NotConnected death = assertThrows(NotConnected.class, () -> engine.take(Long.MAX_VALUE));
        assertEquals(engine.error, death);
        assertThrows(NotConnected.class, () -> engine.post(nowNs -> { }, future));
    }

    private Intake intake() {
        return engine.session.intake;
    }

    @Test
    void aStopIsACleanEnd() throws InterruptedException {
        engine.start();
        engine.stop();
        engine.join();
        assertNull(engine.take(Long.MAX_VALUE));
    }
}
