package io.iqfeedgateway.client;

import java.time.Duration;
import java.util.List;
import org.zeromq.ZMQ;

/**
 * The data side of a client alone: what it costs to track, queue and decode a stream. For the
 * project's benches; it has no leases, asks for nothing and heals nothing, and is not in the jar of
 * the library.
 */
public final class DataOnlyStream implements AutoCloseable {
    private static final int POLL_MS = 100;
    private static final int FRAMES_PER_BATCH_MAX = 1_000;

    private final ZMQ.Context context = ZMQ.context(1);
    private final Intake intake =
            new Intake(new Joins(), new Replays(Replays.HOLES_MAX));
    private final Delivery queue;
    private final Subscriber subscriber;
    private final Thread thread = new Thread(this::run, "data-only-stream");
    private volatile boolean isStopping;

    /** Subscribes to topics or kind prefixes and begins to read. */
    public DataOnlyStream(Options options, List<String> topics) {
        queue = new Delivery(options.queueCapacity, options.conflateAbove, Long.MAX_VALUE,
                (overrun, skipped, gaps) -> { });
        subscriber = new Subscriber(context, options);
        for (String topic : topics) {
            intake.add(topic);
            subscriber.subscribe(topic);
        }
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        try (ZMQ.Poller poller = context.poller(1)) {
            poller.register(subscriber.socket, ZMQ.Poller.POLLIN);
            while (!isStopping) {
                poller.poll(POLL_MS);
                subscriber.drain(intake::receive, FRAMES_PER_BATCH_MAX);
                if (!intake.out.isEmpty()) {
                    queue.extend(intake.out, Clock.nowNs());
                    intake.out.clear();
                }
            }
        } finally {
            subscriber.close();
            context.close();
            queue.close();
        }
    }

    /** Takes the next message or event; null when none came in time. */
    public StreamItem next(Duration timeout) throws InterruptedException {
        Entry entry = queue.take(timeout.toNanos());
        if (entry instanceof Entry.Told told) {
            return told.event();
        }
        return entry == null ? null : ((Entry.Pending) entry).decode();
    }

    /** Frames read so far. */
    public long received() {
        return intake.receivedCount;
    }

    @Override
    public void close() {
        isStopping = true; // Its thread is a daemon and closes what it owns.
    }
}
