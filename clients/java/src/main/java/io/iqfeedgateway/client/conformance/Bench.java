package io.iqfeedgateway.client.conformance;

import io.iqfeedgateway.client.Codec;
import io.iqfeedgateway.client.DataOnlyStream;
import io.iqfeedgateway.client.Options;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessageUnpacker;
import org.zeromq.SocketType;
import org.zeromq.ZMQ;

/** How many messages a second the client reads, beside what the libraries alone do. */
final class Bench {
    private static final List<String> PREFIXES = List.of("quote,", "trade,");
    private static final int SILENCE_MS = 3_000;
    private static final int FIRST_MS = 60_000;
    private static final int FRAMES_MAX = 200_000;

    /** What a run counts: it begins with the first message. */
    private static final class Tally {
        long count;
        long firstNs;
        long lastNs;

        void add(long number) {
            lastNs = System.nanoTime();
            firstNs = count == 0 ? lastNs : firstNs;
            count += number;
        }
    }

    private Bench() {
    }

    static void run(String mode, String endpoint, long count, PrintStream out)
            throws IOException, InterruptedException {
        Tally tally = new Tally();
        if (mode.equals("client")) {
            client(endpoint, count, tally, out);
        } else {
            raw(mode.equals("typed"), endpoint, count, tally, out);
        }
        double seconds = (tally.lastNs - tally.firstNs) / 1e9;
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("mode", mode);
        answer.put("messages", tally.count);
        answer.put("seconds", seconds);
        answer.put("per_second", seconds > 0 ? tally.count / seconds : 0);
        Conformance.answer(out, answer);
    }

    private static void raw(
            boolean isTyped, String endpoint, long count, Tally tally, PrintStream out)
            throws IOException {
        try (ZMQ.Context context = ZMQ.context(1);
                ZMQ.Socket socket = context.socket(SocketType.SUB)) {
            socket.setLinger(0);
            socket.setSndHWM(0);
            socket.setRcvHWM(FRAMES_MAX);
            for (String prefix : PREFIXES) {
                socket.subscribe(prefix.getBytes(StandardCharsets.US_ASCII));
            }
            socket.connect(endpoint);
            Conformance.answer(out, Map.of("ready", true));
            socket.setReceiveTimeOut(FIRST_MS);
            byte[] frame;
            while (tally.count < count && (frame = socket.recv(0)) != null) {
                if (tally.count == 0) {
                    socket.setReceiveTimeOut(SILENCE_MS);
                }
                if (isTyped) {
                    Codec.decodeFrame(frame);
                } else {
                    plain(frame);
                }
                tally.add(1);
            }
        }
    }

    /** What a consumer without a client does. */
    private static void plain(byte[] frame) throws IOException {
        int commas = 0;
        int end = 0;
        while (commas < 2) {
            commas += frame[end++] == ',' ? 1 : 0;
        }
        try (MessageUnpacker in =
                MessagePack.newDefaultUnpacker(frame, end, frame.length - end)) {
            in.unpackValue();
        }
    }

    private static void client(String endpoint, long count, Tally tally, PrintStream out)
            throws InterruptedException {
        Options options = Options.builder().dataEndpoint(endpoint).build();
        try (DataOnlyStream stream = new DataOnlyStream(options, PREFIXES)) {
            Conformance.answer(out, Map.of("ready", true));
            Duration silence = Duration.ofMillis(FIRST_MS);
            while (tally.count < count) {
                if (stream.next(silence) == null) {
                    return;
                }
                silence = Duration.ofMillis(SILENCE_MS);
                // What was conflated was read, tracked and queued, too.
                tally.add(Math.max(0, Math.min(count, stream.received()) - tally.count));
            }
        }
    }
}
