package io.iqfeedgateway.client;

import io.iqfeedgateway.client.Entry.Pending;
import io.iqfeedgateway.client.Entry.Told;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The bounded queue between the reader thread and the application: one writer, many readers.
 *
 * <p>A fast application gets every message in order. When it is slow and more than `conflateAbove`
 * entries wait, a state message replaces the one of the same topic that still waits. When the queue
 * is full, or what waits is too old, all of it is skipped but the newest values: an Overrun says
 * how much, Gaps say what exactly, and what is read next is current. The reader never waits for the
 * application, so the socket is always drained.
 */
final class Delivery {
    /** How exactly the age of what waits is known. */
    private static final long MARK_NS = 10_000_000;

    /** Hears of what was skipped when the application has reached the place, in its thread. */
    interface OnOverrun {
        /** `topics` are those of the messages skipped, `gaps` what the application gets next. */
        void skipped(Event.Overrun overrun, Skipped skipped, List<Event.Gap> gaps);
    }

    /** How many entries had ever come by the end of a moment, and when it began. */
    private record Mark(long end, long atNs) {
    }

    private final int capacity;
    private final int conflateAbove;
    private final long skipAfterNs;
    private final OnOverrun onOverrun;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Mark> marks = new ArrayDeque<>();
    private Deque<Entry> entries = new ArrayDeque<>();
    /** The one among the entries, if any. */
    private Skipped skipped;
    private int limit;
    private long takenCount;
    private int waitingCount;
    private boolean isClosed;

    volatile long deliveredCount;
    volatile long droppedCount;
    volatile long conflatedCount;
    volatile long skipCount;
    private volatile int size;

    /** Makes it; `skipAfterNs` is {@link Long#MAX_VALUE} when no age is too old. */
    Delivery(int capacity, int conflateAbove, long skipAfterNs, OnOverrun onOverrun) {
        this.capacity = capacity;
        this.conflateAbove = conflateAbove;
        this.skipAfterNs = skipAfterNs;
        this.onOverrun = onOverrun;
        this.limit = capacity;
    }

    /** Entries that wait. */
    int size() {
        return size;
    }

    /** Entries that may wait; while more than half are values that must stay, half come on top. */
    int capacity() {
        return capacity;
    }

    /** Whether the application keeps up, so that more than live messages may come. */
    boolean hasRoom() {
        return size < conflateAbove;
    }

    /** Adds a batch in order; never waits. */
    void extend(List<Entry> batch, long nowNs) {
        lock.lock();
        try {
            skipIfOldLocked(nowNs);
            for (Entry entry : batch) {
                put(entry, nowNs);
            }
            size = entries.size();
            mark(nowNs);
            if (waitingCount > 0) {
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    private void put(Entry entry, long nowNs) {
        int waiting = entries.size();
        Pending value = entry instanceof Pending message && message.isState ? message : null;
        if (value != null && waiting >= conflateAbove && value.route.pending != null) {
            value.route.pending.replace(value);
            conflatedCount++;
            return;
        }
        if (waiting >= limit) {
            skip(nowNs);
        }
        if (value != null) {
            value.route.pending = value;
        }
        if (skipped != null && entry instanceof Told) {
            // What a Gap says was recovered may have been skipped a moment ago.
            entries.addAll(skipped.cut(entry));
        } else {
            entries.addLast(entry);
        }
    }

    /** How long the oldest entry has waited, nanoseconds; 0 when none waits. */
    long ageNs(long nowNs) {
        lock.lock();
        try {
            return age(nowNs);
        } finally {
            lock.unlock();
        }
    }

    /** Skips what has waited too long, if that was asked for. */
    void skipIfOld(long nowNs) {
        lock.lock();
        try {
            skipIfOldLocked(nowNs);
        } finally {
            lock.unlock();
        }
    }

    private long age(long nowNs) {
        while (!marks.isEmpty() && marks.getFirst().end <= takenCount) {
            marks.removeFirst();
        }
        return marks.isEmpty() ? 0 : Math.max(0, nowNs - marks.getFirst().atNs);
    }

    /** Notes when the newest entries came. */
    private void mark(long nowNs) {
        long end = takenCount + entries.size();
        Mark last = marks.peekLast();
        if (last != null && nowNs - last.atNs < MARK_NS) {
            marks.removeLast();
            marks.addLast(new Mark(end, last.atNs));
        } else if (last == null || last.end < end) {
            age(nowNs);
            marks.addLast(new Mark(end, nowNs));
        }
    }

    private void skipIfOldLocked(long nowNs) {
        if (skipAfterNs != Long.MAX_VALUE && age(nowNs) > skipAfterNs) {
            skip(nowNs);
        }
    }

    private void skip(long nowNs) {
        Skipped.Rest rest = Skipped.skip(entries, capacity / 2);
        entries = rest.entries();
        skipped = rest.skipped();
        limit = Math.max(capacity, entries.size() + (capacity + 1) / 2);
        size = entries.size();
        marks.clear();
        mark(nowNs);
        skipCount += rest.droppedCount() > 0 ? 1 : 0;
        droppedCount += rest.droppedCount();
        conflatedCount += rest.mergedCount();
    }

    /**
     * Takes the oldest entry, waiting for it.
     *
     * @param waitNs Nanoseconds to wait at most; {@link Long#MAX_VALUE} until the queue is closed.
     * @return A message or an event; null at the deadline, or when closed and empty.
     */
    Entry take(long waitNs) throws InterruptedException {
        Skipped told;
        List<Event.Gap> gaps;
        lock.lockInterruptibly();
        try {
            if (entries.isEmpty() && !await(waitNs)) {
                return null;
            }
            Entry entry = entries.removeFirst();
            takenCount++;
            deliveredCount++;
            if (entry instanceof Pending message && message.route.pending == message) {
                message.route.pending = null;
            }
            if (!(entry instanceof Skipped here)) {
                size = entries.size();
                return entry;
            }
            told = here;
            skipped = null;
            gaps = here.gaps();
            for (int i = gaps.size() - 1; i >= 0; i--) {
                entries.addFirst(new Told(gaps.get(i)));
            }
            takenCount -= gaps.size();
            size = entries.size();
        } finally {
            lock.unlock();
        }
        Event.Overrun overrun = told.overrun();
        onOverrun.skipped(overrun, told, gaps);
        return new Told(overrun);
    }

    private boolean await(long waitNs) throws InterruptedException {
        long leftNs = waitNs;
        waitingCount++;
        try {
            while (entries.isEmpty()) {
                if (isClosed || leftNs <= 0) {
                    return false;
                }
                if (waitNs == Long.MAX_VALUE) {
                    changed.await(1, TimeUnit.DAYS);
                } else {
                    leftNs = changed.awaitNanos(leftNs);
                }
            }
            return true;
        } finally {
            waitingCount--;
        }
    }

    /** Whether it is closed and everything was taken. */
    boolean isOver() {
        lock.lock();
        try {
            return isClosed && entries.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    /** Lets waiting readers go once what is queued has been read. */
    void close() {
        lock.lock();
        try {
            isClosed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
