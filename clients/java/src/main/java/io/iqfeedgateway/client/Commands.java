package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import io.iqfeedgateway.client.GatewayClientException.RequestError;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;

/** What other threads want done by the reader thread. */
final class Commands {
    private static final int COMMANDS_MAX = 10_000;

    private record Command(LongConsumer call, CompletableFuture<?> future) {
    }

    private final Deque<Command> waiting = new ArrayDeque<>();
    private boolean isClosed;

    /**
     * Adds a command.
     *
     * @param call Gets the monotonic time; completes the future now or later.
     * @param future Fails when the command does, and with NotConnected when the thread ends first.
     * @throws NotConnected Not connected, or very many commands wait.
     */
    synchronized void add(LongConsumer call, CompletableFuture<?> future) {
        if (isClosed) {
            throw new NotConnected("not connected");
        }
        if (waiting.size() >= COMMANDS_MAX) {
            throw new NotConnected("too many commands waiting", "commands_max", COMMANDS_MAX);
        }
        waiting.addLast(new Command(call, future));
    }

    /** Adds one however many wait, if anybody is there to run it; returns whether. */
    synchronized boolean addQuietly(LongConsumer call) {
        if (!isClosed) {
            waiting.addLast(new Command(call, new CompletableFuture<>()));
        }
        return !isClosed;
    }

    private synchronized Command next() {
        return waiting.pollFirst();
    }

    /** Runs what waits; a command that fails ends itself only, unless it fails by an Error. */
    void run(long nowNs) {
        for (Command command = next(); command != null; command = next()) {
            try {
                command.call.accept(nowNs);
            } catch (GatewayClientException failure) {
                command.future.completeExceptionally(failure);
            } catch (RuntimeException failure) {
                command.future.completeExceptionally(failed(failure));
            } catch (Error failure) {
                command.future.completeExceptionally(failed(failure));
                throw failure;
            }
        }
    }

    private static RequestError failed(Throwable cause) {
        return new RequestError("internal", "Report it, with the cause.",
                "the client failed to do it", "cause", cause);
    }

    /** Takes no more commands; from now on adding one fails. */
    synchronized void close() {
        isClosed = true;
    }

    /** Fails what still waits. */
    void fail(GatewayClientException reason) {
        List<Command> rest;
        synchronized (this) {
            rest = new ArrayList<>(waiting);
            waiting.clear();
        }
        rest.forEach(command -> command.future.completeExceptionally(reason));
    }
}
