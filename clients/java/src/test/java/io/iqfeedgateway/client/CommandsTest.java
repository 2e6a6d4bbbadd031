package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import io.iqfeedgateway.client.GatewayClientException.RequestError;
import java.util.AbstractMap;
import java.util.ConcurrentModificationException;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

/** What one caller does wrong harms nobody else. */
class CommandsTest {
    private final Commands commands = new Commands();

    @Test
    void aCommandThatFailsEndsItselfOnly() {
        CompletableFuture<Void> bad = new CompletableFuture<>();
        CompletableFuture<Void> good = new CompletableFuture<>();
        commands.add(nowNs -> {
            throw new ConcurrentModificationException();
        }, bad);
        commands.add(nowNs -> good.complete(null), good);
        commands.run(1);
        Throwable failure = assertThrows(CompletionException.class, bad::join).getCause();
        assertInstanceOf(RequestError.class, failure);
        assertTrue(good.isDone());
    }

    @Test
    void afterTheEndNothingIsTaken() {
        CompletableFuture<Void> late = new CompletableFuture<>();
        commands.add(nowNs -> { }, late);
        commands.close();
        commands.fail(new NotConnected("over"));
        assertTrue(late.isCompletedExceptionally());
        assertThrows(NotConnected.class, () -> commands.add(nowNs -> { }, late));
        assertTrue(!commands.addQuietly(nowNs -> { }));
    }

    @Test
    void parametersArePackedAheadAsTheyWouldBeWithTheRequest() {
        Map<String, Object> params = Map.of("symbol", "AAPL");
        assertArrayEquals(RpcCodec.encodeRequest(1, "why", params, 5),
                RpcCodec.encodeRequest(1, "why", RpcCodec.packParams(params), 5));
        Map<String, Object> changing = new AbstractMap<>() {
            @Override
            public Set<Entry<String, Object>> entrySet() {
                throw new ConcurrentModificationException();
            }
        };
        assertThrows(InvalidArgument.class, () -> RpcCodec.packParams(changing));
    }
}
