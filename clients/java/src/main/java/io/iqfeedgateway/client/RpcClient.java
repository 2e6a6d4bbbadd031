package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import io.iqfeedgateway.client.GatewayClientException.RequestRefused;
import io.iqfeedgateway.client.GatewayClientException.RequestTimedOut;
import io.iqfeedgateway.client.RpcCodec.Reply;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import org.zeromq.SocketType;
import org.zeromq.ZMQ;

/**
 * The DEALER socket: many requests outstanding, each with its own deadline. For the reader thread.
 *
 * <p>A request waits in our own outbox until the connection stands (IMMEDIATE), so one whose
 * deadline has passed is never sent late. When a request ran into its deadline and nothing was
 * heard from the peer for `silenceNs` since it was sent, the peer counts as vanished and the socket
 * is made anew.
 */
final class RpcClient {
    /** Requests that may wait for their replies. */
    static final int OUTSTANDING_MAX = 1_000;
    private static final long NEVER = Long.MAX_VALUE;
    private static final long NS_PER_MS = 1_000_000;

    /** Gets the outcome of a request exactly once: its result, or the error. */
    interface OnDone {
        void done(Object result, GatewayClientException error);
    }

    private static final class Request {
        final long id;
        final String method;
        final byte[] data;
        final long deadlineNs;
        final OnDone onDone;
        boolean isSent;
        long sentNs;

        Request(long id, String method, byte[] data, long deadlineNs, OnDone onDone) {
            this.id = id;
            this.method = method;
            this.data = data;
            this.deadlineNs = deadlineNs;
            this.onDone = onDone;
        }
    }

    private final ZMQ.Context context;
    private final Options options;
    private final long silenceNs;
    private final Map<Long, Request> requests = new HashMap<>();
    private final Deque<Request> outbox = new ArrayDeque<>();
    private final PriorityQueue<Request> deadlines =
            new PriorityQueue<>((a, b) -> Long.compare(a.deadlineNs, b.deadlineNs));
    private long nextId = 1;
    private long heardNs = Long.MIN_VALUE;
    private long unansweredSinceNs = NEVER;
    /** Whether a request ran out of time before it could be sent. */
    private boolean isUnconnected;

    ZMQ.Socket socket;
    volatile long requestCount;
    volatile long timeoutCount;
    volatile long lateReplyCount;
    volatile long badReplyCount;
    volatile long reopenCount;
    volatile int outstandingCount;

    RpcClient(ZMQ.Context context, Options options) {
        this.context = context;
        this.options = options;
        this.silenceNs = options.heartbeatSilence.toNanos();
        this.socket = open();
    }

    private ZMQ.Socket open() {
        ZMQ.Socket made = context.socket(SocketType.DEALER);
        try {
            made.setLinger(0);
            made.setImmediate(false); // JeroMQ's sense of it is the opposite of libzmq's.
            made.setMaxMsgSize(RpcCodec.REPLY_BYTES_MAX);
            made.setReconnectIVL(Subscriber.RECONNECT_MS);
            made.setReconnectIVLMax(Subscriber.RECONNECT_MS_MAX);
            Subscriber.setCurve(made, options.curve);
            made.connect(options.controlEndpoint);
        } catch (RuntimeException failure) {
            made.close();
            throw failure;
        }
        return made;
    }

    /** Whether requests wait for the connection: poll for writing then. */
    boolean hasUnsent() {
        return !outbox.isEmpty();
    }

    /**
     * Sends a request; `onDone` is called exactly once, at the deadline at the latest.
     *
     * @param params A map of the client's own, or one that was packed already.
     */
    void request(String method, Object params, long timeoutNs, long nowNs, OnDone onDone) {
        if (requests.size() >= OUTSTANDING_MAX) {
            onDone.done(null, new RequestRefused("too many requests outstanding",
                    ErrorCode.BUSY.code, "Wait for replies before asking more.", 100L, Map.of()));
            return;
        }
        byte[] data;
        try {
            data = RpcCodec.encodeRequest(nextId, method, params, timeoutNs / NS_PER_MS);
        } catch (InvalidArgument error) {
            onDone.done(null, error);
            return;
        }
        Request request = new Request(nextId++, method, data, nowNs + timeoutNs, onDone);
        requests.put(request.id, request);
        deadlines.add(request);
        outbox.addLast(request);
        requestCount++;
        if (isUnconnected) {
            // Nothing was sent on it. An address is given up for good when the other end has
            // refused our key, which it may take tomorrow.
            isUnconnected = false;
            reopen(new NotConnected("no connection to the gateway", "method", method));
        } else if (unansweredSinceNs != NEVER && nowNs - unansweredSinceNs >= silenceNs) {
            reopen(new NotConnected("the gateway does not answer any more", "method", method));
        }
        flush(nowNs);
    }

    /** Replaces the socket; replies to what was sent on the old one cannot come any more. */
    private void reopen(GatewayClientException error) {
        socket.close();
        socket = open();
        reopenCount++;
        unansweredSinceNs = NEVER;
        for (Request request : List.copyOf(requests.values())) {
            if (request.isSent) {
                finish(request, null, error);
            }
        }
    }

    /** Sends what waits, as far as the connection takes it. */
    void flush(long nowNs) {
        while (!outbox.isEmpty()) {
            Request request = outbox.getFirst();
            if (!socket.send(request.data, ZMQ.DONTWAIT)) {
                break;
            }
            request.isSent = true;
            request.sentNs = nowNs;
            isUnconnected = false;
            outbox.removeFirst();
        }
        outstandingCount = requests.size();
    }

    /** Reads the replies that have arrived. */
    void receive(long nowNs) {
        byte[] frame;
        while ((frame = socket.recv(ZMQ.DONTWAIT)) != null) {
            while (socket.hasReceiveMore()) {
                frame = socket.recv(ZMQ.DONTWAIT);
            }
            heardNs = nowNs;
            unansweredSinceNs = NEVER;
            try {
                Reply reply = RpcCodec.decodeReply(frame);
                Request request = requests.get(reply.id());
                if (request == null) {
                    lateReplyCount++;
                } else {
                    finish(request, reply.result(), reply.error());
                }
            } catch (DecodeError error) {
                badReplyCount++;
            }
        }
        outstandingCount = requests.size();
    }

    /** Ends the requests whose deadline has passed. */
    void expire(long nowNs) {
        while (!deadlines.isEmpty() && deadlines.peek().deadlineNs <= nowNs) {
            Request request = deadlines.poll();
            timeoutCount++;
            if (!request.isSent) {
                isUnconnected = true;
                finish(request, null, new RequestTimedOut("no connection to the gateway",
                        "Check that the gateway runs, and that endpoint and keys are right.",
                        "method", request.method, "endpoint", options.controlEndpoint));
                continue;
            }
            if (heardNs < request.sentNs && unansweredSinceNs == NEVER) {
                unansweredSinceNs = request.sentNs;
            }
            finish(request, null, new RequestTimedOut(
                    "no reply in time", RequestTimedOut.HINT, "method", request.method));
        }
        outstandingCount = requests.size();
    }

    /** Monotonic time of the next deadline; {@link Long#MAX_VALUE} for none. */
    long deadlineNs() {
        return deadlines.isEmpty() ? NEVER : deadlines.peek().deadlineNs;
    }

    /** Closes for good; every outstanding request ends with the error. */
    void close(GatewayClientException error) {
        socket.close();
        for (Request request : List.copyOf(requests.values())) {
            finish(request, null, error);
        }
    }

    private void finish(Request request, Object result, GatewayClientException error) {
        requests.remove(request.id);
        deadlines.remove(request); // At most OUTSTANDING_MAX to look through.
        if (!request.isSent) {
            outbox.remove(request);
        }
        request.onDone.done(result, error);
    }
}
