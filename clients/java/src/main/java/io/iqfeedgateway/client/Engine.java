package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import io.iqfeedgateway.client.GatewayClientException.RequestTimedOut;
import java.nio.channels.SelectableChannel;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;
import org.zeromq.ZMQ;

/**
 * The reader thread: owns both sockets, the timers and everything that changes.
 *
 * <p>Plain sockets in a thread of their own, so that the data socket is drained whatever the
 * application does. Other threads post commands and get futures; messages go through a bounded
 * queue. The thread ends by {@link #stop} only: bad frames, refused requests and lost connections
 * are counted or told, never thrown here.
 */
final class Engine {
    private static final int FRAMES_PER_BATCH_MAX = 1_000;
    /** Timers are looked at so often at least; a longer pause means that we were suspended. */
    private static final long TICK_NS_MAX = 500_000_000L;
    private static final long NS_PER_MS = 1_000_000;
    private static final double NS_PER_S = 1e9;

    /** What is known of the way to the gateway. */
    enum Link {
        CONNECTING,
        CONNECTED,
        /** No heartbeat for too long; the data socket is made anew until one is heard. */
        SILENT,
        CLOSED
    }

    private final Options options;
    private final long silenceNs;
    private final Commands commands = new Commands();
    private final ZMQ.Context context;
    private final Wakeup wakeup = new Wakeup();
    private final Thread thread = new Thread(this::run, "gateway-client");
    private volatile boolean isStopping;
    private long heardNs;
    private long heartbeatCount;
    private long reopenAtNs;
    private long tickAtNs;
    private long tickedNs;
    private long connectDeadlineNs;

    final Delivery queue;
    final Subscriber subscriber;
    final RpcClient rpc;
    final Session session;
    /** Completes with whether the gateway was reached, within connectTimeout. */
    final CompletableFuture<Boolean> connected = new CompletableFuture<>();
    volatile Link link = Link.CONNECTING;
    /** What `hello` answered; null before. */
    volatile Map<String, Object> gateway;
    /** Why connecting failed, or the reader thread did; null otherwise. */
    volatile GatewayClientException error;
    /** What ended the reader thread, if not {@link #stop}; null otherwise. */
    volatile GatewayClientException death;

    /** Makes the sockets; throws InvalidArgument for an endpoint or keys that are refused. */
    Engine(Options options) {
        this.options = options;
        this.silenceNs = options.heartbeatSilence.toNanos();
        long skipAfterNs = options.skipAfter == null ? Long.MAX_VALUE : options.skipAfter.toNanos();
        queue = new Delivery(options.queueCapacity, options.conflateAbove, skipAfterNs,
                this::replaceLost);
        // Made here, so that an endpoint that is refused is the caller's error; used by the reader
        // thread only, and starting it is the memory barrier that sockets ask for.
        context = ZMQ.context(1);
        Subscriber data = null;
        try {
            data = new Subscriber(context, options);
            rpc = new RpcClient(context, options);
        } catch (RuntimeException failure) {
            if (data != null) {
                data.close();
            }
            context.close();
            wakeup.close();
            throw new InvalidArgument("endpoint or keys refused", "Write tcp://host:port.",
                    "cause", failure);
        }
        subscriber = data;
        session = new Session(options, rpc, subscriber, queue);
        thread.setDaemon(true);
    }

    // Any thread.

    void start() {
        thread.start();
    }

    void stop() {
        isStopping = true;
        wakeup.wake();
    }

    /** Waits until the thread has ended; it never waits for anything itself. */
    void join() {
        boolean isInterrupted = false;
        while (thread != Thread.currentThread() && thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException interruption) {
                isInterrupted = true; // Half a disconnect would leak what it was to close.
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Has a command run in the reader thread.
     *
     * @param command Gets the monotonic time; completes the future now or later.
     * @param future Fails with NotConnected when the thread ends first.
     * @throws NotConnected Not connected, or very many commands wait.
     */
    void post(LongConsumer command, CompletableFuture<?> future) {
        if (isStopping) {
            throw new NotConnected("not connected");
        }
        commands.add(command, future);
        wakeup.wake();
    }

    /** Sends a request; the future brings its result. */
    CompletableFuture<Object> call(String method, Map<String, ?> params, long waitNs) {
        CompletableFuture<Object> future = new CompletableFuture<>();
        // Packed here: the map is the caller's, who may change it after a deadline.
        RpcCodec.Packed packed = RpcCodec.packParams(params);
        post(nowNs -> rpc.request(method, packed, waitNs, nowNs, (result, failure) -> {
            if (failure == null) {
                future.complete(result);
            } else {
                future.completeExceptionally(failure);
            }
        }), future);
        return future;
    }

    /**
     * Takes the next of the stream; null at the deadline, or at the end of all.
     *
     * @throws NotConnected The reader thread failed, and everything before that was taken.
     */
    Entry take(long waitNs) throws InterruptedException {
        Entry entry = queue.take(waitNs);
        if (entry == null && death != null && queue.isOver()) {
            throw death;
        }
        return entry;
    }

    /** Has a topic's state fetched anew; nothing happens when not connected. */
    void heal(String topic) {
        postQuietly(nowNs -> session.intake.heal(topic));
    }

    /** Has the values of topics fetched anew whose messages were skipped unread. */
    private void replaceLost(Event.Overrun overrun, Skipped skipped, List<Event.Gap> gaps) {
        postQuietly(nowNs -> {
            session.intake.noteSkipped(gaps);
            skipped.topics.forEach(session.intake::askAgain);
            if (overrun.topic() == null && overrun.unnamed() > 0) {
                // Which topics they were is not told to the application: every book is in doubt.
                session.intake.askImagesAgain();
            }
        });
    }

    /** One for each skip or undecodable message the application has come to; unbounded. */
    private void postQuietly(LongConsumer command) {
        if (!isStopping && commands.addQuietly(command)) {
            wakeup.wake();
        }
    }

    // The reader thread.

    private void run() {
        GatewayClientException reason = new NotConnected("disconnected");
        try (ZMQ.Poller poller = context.poller(3)) {
            greet();
            ZMQ.Socket polledData = null;
            ZMQ.Socket polledControl = null;
            SelectableChannel polledWakeup = wakeup.channel();
            boolean polledForWriting = false;
            while (!isStopping) {
                boolean isWriting = rpc.hasUnsent();
                if (polledData != subscriber.socket || polledControl != rpc.socket
                        || polledWakeup != wakeup.channel() || polledForWriting != isWriting) {
                    poller.unregister(polledData);
                    poller.unregister(polledControl);
                    poller.unregister(polledWakeup);
                    register(poller, isWriting);
                    polledWakeup = wakeup.channel();
                    polledData = subscriber.socket;
                    polledControl = rpc.socket;
                    polledForWriting = isWriting;
                }
                turn(poller);
            }
        } catch (Throwable failure) { // Whatever it is: nobody else would tell of it.
            reason = new NotConnected("the reader thread failed", "cause", failure);
            death = reason;
            error = error == null ? reason : error;
        } finally {
            finish(reason);
        }
    }

    /** Lists what to wait for: data first, then control, then other threads. */
    private void register(ZMQ.Poller poller, boolean isWriting) {
        poller.register(subscriber.socket, ZMQ.Poller.POLLIN);
        poller.register(rpc.socket, ZMQ.Poller.POLLIN | (isWriting ? ZMQ.Poller.POLLOUT : 0));
        poller.register(wakeup.channel(), ZMQ.Poller.POLLIN);
    }

    private void greet() {
        long nowNs = Clock.nowNs();
        long waitNs = options.connectTimeout.toNanos();
        heardNs = nowNs;
        tickedNs = nowNs;
        connectDeadlineNs = nowNs + waitNs;
        session.greet(nowNs, waitNs, this::greeted);
    }

    /** Closes everything and lets everybody go. */
    private void finish(GatewayClientException reason) {
        link = Link.CLOSED;
        commands.close();
        try {
            rpc.close(reason);
            subscriber.close();
            context.close();
            wakeup.close();
            session.close();
            deliver(Clock.nowNs());
        } finally {
            commands.fail(reason);
            queue.close();
            connected.complete(false);
        }
    }

    /** Waits for something to happen and deals with it. */
    private void turn(ZMQ.Poller poller) {
        long waitMs = Math.max(0, tickAtNs - Clock.nowNs()) / NS_PER_MS + 1;
        poller.poll(tickAtNs == 0 ? 0 : waitMs);
        long nowNs = Clock.nowNs();
        boolean isDrained = true;
        if (poller.pollin(0)) {
            isDrained = subscriber.drain(session.intake::receive, FRAMES_PER_BATCH_MAX);
        }
        if (poller.pollin(1)) {
            rpc.receive(nowNs);
        }
        if (poller.pollout(1)) {
            rpc.flush(nowNs);
        }
        if (poller.pollin(2)) {
            runCommands(nowNs);
        }
        noteHeartbeats(nowNs);
        if (nowNs >= tickAtNs) {
            tick(nowNs, isDrained);
        }
        session.afterBatch(nowNs);
        deliver(nowNs);
    }

    private void deliver(long nowNs) {
        if (!session.intake.out.isEmpty()) {
            queue.extend(session.intake.out, nowNs);
            session.intake.out.clear();
        }
    }

    private void runCommands(long nowNs) {
        wakeup.take();
        tickAtNs = 0;
        commands.run(nowNs);
    }

    private void noteHeartbeats(long nowNs) {
        Intake intake = session.intake;
        if (intake.heartbeatCount == heartbeatCount) {
            return;
        }
        heartbeatCount = intake.heartbeatCount;
        long silentNs = nowNs - heardNs;
        heardNs = nowNs;
        session.heartbeatLagUs =
                ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()) - intake.heartbeatUs;
        if (link == Link.SILENT) {
            link = Link.CONNECTED;
            intake.out.add(0, new Entry.Told(new Event.Reconnected(silentNs / NS_PER_S)));
            session.reconnected(nowNs);
        }
        judgeConnected();
    }

    private void tick(long nowNs, boolean isDrained) {
        if (nowNs - tickedNs > 2 * TICK_NS_MAX) {
            // The whole process stood still; the I/O thread needs a moment to bring what it has.
            heardNs = Math.max(heardNs, nowNs - silenceNs + TICK_NS_MAX);
        }
        tickedNs = nowNs;
        rpc.expire(nowNs);
        session.tick(nowNs);
        queue.skipIfOld(nowNs);
        if (link == Link.CONNECTING) {
            if (nowNs >= connectDeadlineNs) {
                fail(new RequestTimedOut("no heartbeat in time", "The gateway answers requests but "
                        + "no data arrives: check dataEndpoint, and its keys if any."));
            }
        } else if (isDrained) {
            watchSilence(nowNs);
        }
        tickAtNs = Math.min(nowNs + TICK_NS_MAX,
                Math.min(rpc.deadlineNs(), session.deadlineNs()));
    }

    private void watchSilence(long nowNs) {
        long silentNs = nowNs - heardNs;
        if (silentNs < silenceNs) {
            return;
        }
        if (link == Link.CONNECTED) {
            link = Link.SILENT;
            session.intake.out.add(
                    new Entry.Told(new Event.Disconnected("silence", silentNs / NS_PER_S)));
            session.disconnected();
        } else if (nowNs < reopenAtNs) {
            return;
        }
        reopenAtNs = nowNs + silenceNs;
        subscriber.reopen();
        session.reopened();
    }

    // Connecting.

    private void greeted(Object result, GatewayClientException failure) {
        if (failure != null) {
            fail(failure);
            return;
        }
        try {
            Map<String, Object> said = Results.mapOf(result);
            boolean isSpoken = !(said.get("protocol") instanceof List<?> versions)
                    || versions.contains((long) Contract.PROTOCOL_VERSION);
            if (!isSpoken) {
                fail(new NotConnected("no protocol version in common",
                        "gateway_speaks", said.get("protocol")));
                return;
            }
            gateway = said;
            judgeConnected();
        } catch (GatewayClientException.DecodeError bad) {
            fail(bad);
        }
    }

    private void judgeConnected() {
        if (link == Link.CONNECTING && gateway != null && heartbeatCount > 0) {
            link = Link.CONNECTED;
            connected.complete(true);
        }
    }

    private void fail(GatewayClientException failure) {
        if (!isStopping) { // The first reason is the cause of the others.
            error = failure;
            isStopping = true;
        }
    }
}
