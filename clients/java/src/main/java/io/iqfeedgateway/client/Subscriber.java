package io.iqfeedgateway.client;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.zeromq.SocketType;
import org.zeromq.ZMQ;

/**
 * The SUB socket: made, made anew, and always drained. For the reader thread.
 *
 * <p>Two settings are not to be touched. ZMTP heartbeats stay off: what is heard is judged by the
 * gateway's own heartbeat topic. SNDHWM is 0: subscriptions wait in that queue, and what is above
 * the mark is dropped without a word, at the start as well as after every reconnect.
 */
final class Subscriber {
    static final int RECONNECT_MS = 100;
    static final int RECONNECT_MS_MAX = 5_000;

    private final ZMQ.Context context;
    private final Options options;
    private final Set<String> topics = new LinkedHashSet<>();

    ZMQ.Socket socket;
    volatile long reopenCount;

    Subscriber(ZMQ.Context context, Options options) {
        this.context = context;
        this.options = options;
        socket = open();
    }

    private ZMQ.Socket open() {
        ZMQ.Socket made = context.socket(SocketType.SUB);
        try {
            made.setLinger(0);
            made.setSndHWM(0);
            made.setRcvHWM(options.receiveFramesMax);
            made.setMaxMsgSize(Contract.FRAME_BYTES_MAX);
            made.setReconnectIVL(RECONNECT_MS);
            made.setReconnectIVLMax(RECONNECT_MS_MAX);
            setCurve(made, options.curve);
            topics.forEach(topic -> made.subscribe(bytes(topic)));
            made.connect(options.dataEndpoint);
        } catch (RuntimeException failure) {
            made.close();
            throw failure;
        }
        return made;
    }

    /** Gives a socket its keys, when there are any. */
    static void setCurve(ZMQ.Socket socket, CurveKeys keys) {
        if (keys != null) {
            socket.setCurveServerKey(ZMQ.Curve.z85Decode(keys.serverPublicKey()));
            socket.setCurvePublicKey(ZMQ.Curve.z85Decode(keys.publicKey()));
            socket.setCurveSecretKey(ZMQ.Curve.z85Decode(keys.secretKey()));
        }
    }

    private static byte[] bytes(String topic) {
        return topic.getBytes(StandardCharsets.US_ASCII);
    }

    /** Subscribes once, however often it is asked for. */
    void subscribe(String topic) {
        if (topics.add(topic)) {
            socket.subscribe(bytes(topic));
        }
    }

    /** Takes a subscription back. */
    void unsubscribe(String topic) {
        if (topics.remove(topic)) {
            socket.unsubscribe(bytes(topic));
        }
    }

    /** Sends a subscription again that the gateway has not seen; false when it is not ours. */
    boolean repair(String topic) {
        if (!topics.contains(topic)) {
            return false;
        }
        socket.unsubscribe(bytes(topic));
        socket.subscribe(bytes(topic));
        return true;
    }

    /** Replaces the socket; all subscriptions go with it, snapshot requests excepted. */
    void reopen() {
        socket.close();
        topics.removeIf(topic -> topic.startsWith("~") && !topic.endsWith(".sys,client,"));
        reopenCount++;
        socket = open();
    }

    /** Hands over what has arrived, `framesMax` at most; returns whether the socket is empty. */
    boolean drain(Consumer<byte[]> receive, int framesMax) {
        for (int i = 0; i < framesMax; i++) {
            byte[] frame = socket.recv(ZMQ.DONTWAIT);
            if (frame == null) {
                return true;
            }
            receive.accept(frame);
        }
        return false;
    }

    void close() {
        socket.close();
    }
}
