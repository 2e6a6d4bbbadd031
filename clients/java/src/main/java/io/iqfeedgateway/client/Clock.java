package io.iqfeedgateway.client;

/** The one place where monotonic time comes from. */
final class Clock {
    private static final long START_NS = System.nanoTime();

    private Clock() {
    }

    /** Monotonic time in nanoseconds, above 0. */
    static long nowNs() {
        return System.nanoTime() - START_NS + 1;
    }
}
