package io.iqfeedgateway.client;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.channels.SelectableChannel;

/** How other threads end the reader thread's wait: a pipe that it polls beside its sockets. */
final class Wakeup {
    private static final int BYTES_MAX = 4096;

    private volatile Pipe pipe = open();

    private static Pipe open() {
        try {
            Pipe made = Pipe.open();
            made.source().configureBlocking(false);
            made.sink().configureBlocking(false);
            return made;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** What to poll for reading; another one after {@link #take} has replaced it. */
    SelectableChannel channel() {
        return pipe.source();
    }

    /** Wakes the reader thread; any thread may call it. */
    void wake() {
        // A thread that is interrupted while it writes closes the pipe for everybody.
        boolean isInterrupted = Thread.interrupted();
        try {
            pipe.sink().write(ByteBuffer.wrap(new byte[1]));
        } catch (IOException failure) {
            return; // Closed: the reader thread wakes of that, too. (Full: it wakes anyway.)
        } finally {
            if (isInterrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Takes what woke the reader thread, for which it is. */
    void take() {
        try {
            if (pipe.source().read(ByteBuffer.allocate(BYTES_MAX)) < 0) {
                close();
                pipe = open();
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    void close() {
        try {
            pipe.sink().close();
            pipe.source().close();
        } catch (IOException failure) {
            return; // There is nothing more to be done for a pipe that does not close.
        }
    }
}
