package io.iqfeedgateway.client;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Frames as a gateway makes them. */
final class Frames {
    static final long EPOCH = 1_763_884_800_000L;

    private Frames() {
    }

    static byte[] frame(String topic, int type, long epoch, long sequence, long flags,
            Object... items) {
        List<Object> body = new ArrayList<>(
                Arrays.asList((long) type, epoch, sequence, flags, 1_763_884_812_345_678L, null));
        body.addAll(Arrays.asList(items));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(topic.getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(RpcCodec.pack(body));
        return out.toByteArray();
    }

    static byte[] quote(long sequence, double bid) {
        return frame("quote,AAPL,", 1, EPOCH, sequence, 0, bid, 100L);
    }

    static byte[] trade(long sequence) {
        return frame("trade,AAPL,", 2, EPOCH, sequence, 0, tradeItems());
    }

    static Object[] tradeItems() {
        return new Object[] {10.5, 100L, 7L, null, null, "C"};
    }

    static byte[] heartbeat(long sequence) {
        return frame("sys,heartbeat,", 20, EPOCH, sequence, 0, Map.of("tails_sequence", 0L));
    }
}
