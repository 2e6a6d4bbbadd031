package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.CodecError;
import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import io.iqfeedgateway.client.GatewayClientException.RequestRefused;
import io.iqfeedgateway.client.GatewayClientException.RequestTimedOut;
import io.iqfeedgateway.client.Ranges.Range;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Lost events: which are wanted again, asked for, recovered, given up. No I/O.
 *
 * <p>Trades, corrections and news cannot be replaced by a newer value, so each one that was lost is
 * fetched with the method {@code replay}. Every hole ends in one of two ways, and says which: its
 * messages are delivered and a Gap with {@code healed} follows, or a final Gap says that they never
 * come. A hole may end partly this way and partly that way.
 *
 * <p>Each topic has one request under way at a time, so what is recovered comes in order, and only
 * so many topics have one. Holes close to each other share a request: of its answer only what is
 * missing is taken. When the gateway is busy or does not answer, everything pauses; a topic whose
 * requests fail too often is given up.
 */
final class Replays {
    /** Requests under way at a time. */
    static final int OUTSTANDING_MAX = 8;
    /** Messages asked for at a time: while they are taken in, nothing else is read. */
    static final int MESSAGES_MAX = Math.min(1_000, Contract.REPLAY_MESSAGES_MAX);
    /** Holes waiting at a time; what is lost beyond that is lost for good. */
    static final int HOLES_MAX = 20_000;
    /** After so many requests in a row that failed, a topic's first hole is given up. */
    static final int ATTEMPTS_MAX = 5;
    /** Messages between two holes that are fetched again, and ignored, to save a request. */
    static final int APART_MAX = 50;
    /** Pause after a failure; twice as long after each further one. */
    static final long PAUSE_NS = 500_000_000L;
    /** A gateway that asks for a longer pause will not have the messages then. */
    static final long PAUSE_NS_MAX = 60_000_000_000L;
    private static final Set<String> BUSY_CODES =
            Set.of("rate_limited", "busy", "timeout", "upstream_down");

    /**
     * One request to be sent.
     *
     * @param holeLast Last sequence of the hole that `last` is in: it may be longer than one
     *     request.
     */
    record Request(Route route, long epoch, long first, long last, long holeLast) {
        Map<String, Object> params() {
            return Map.of("topic", route.topic, "from_sequence", first, "to_sequence", last,
                    "epoch", epoch);
        }
    }

    /** The holes of one topic, in one run of the gateway. */
    private static final class Line {
        final Route route;
        final long epoch;
        /** Ascending, apart from each other. */
        final Deque<Range> holes = new ArrayDeque<>();
        /** Up to here it is not known whether the sequences were ever published. */
        long unsureLast;
        /** Requests that failed since the last one that did not. */
        int attempts;
        Request request;

        Line(Route route, long epoch) {
            this.route = route;
            this.epoch = epoch;
        }
    }

    private final int holesMax;
    private final Map<String, Line> lines = new HashMap<>();
    /** Topics without a request under way. */
    private final Deque<Line> ready = new ArrayDeque<>();
    private int outstandingCount;
    private long resumeAtNs = Long.MIN_VALUE;
    private int unansweredInARow;
    private boolean isSupported = true;

    /** Set while the gateway is not heard: asking would only use up attempts. */
    boolean isPaused;
    volatile int holeCount;
    volatile long requestedCount;
    volatile long retriedCount;
    /** Messages delivered by replay. */
    volatile long recoveredCount;
    /** Messages lost for good. */
    volatile long lostCount;
    /** Holes that found no room. */
    volatile long refusedCount;
    /** Bodies that were not what was asked for. */
    volatile long badCount;
    /** Answers nobody waited for any more. */
    volatile long lateCount;

    Replays(int holesMax) {
        this.holesMax = holesMax;
    }

    /**
     * Wants messages again that were lost; they come after all that is wanted already.
     *
     * @param isSure Whether they were published; if not, those that do not come are not told.
     * @return Whether it will be tried; false when the gateway has no replay, or too much waits.
     */
    boolean ask(Route route, long epoch, long first, long last, boolean isSure) {
        if (!isSupported) {
            return false;
        }
        Line line = lines.get(route.topic);
        if (line != null && isSure && line.holes.getLast().last() == first - 1) {
            line.holes.addLast(new Range(line.holes.removeLast().first(), last));
            return true;
        }
        if (holeCount >= holesMax) {
            refusedCount++;
            return false;
        }
        if (line == null) {
            line = new Line(route, epoch);
            lines.put(route.topic, line);
            ready.addLast(line);
        }
        line.holes.addLast(new Range(first, last));
        line.unsureLast = isSure ? line.unsureLast : last;
        holeCount++;
        return true;
    }

    /** Whether a message is still to come by replay. */
    boolean isAwaited(String topic, long epoch, long sequence) {
        Line line = lines.get(topic);
        return line != null && line.epoch == epoch && line.holes.stream()
                .anyMatch(hole -> hole.first() <= sequence && sequence <= hole.last());
    }

    /** Counts messages that never come, and spells the event that says so. */
    Entry lost(String topic, long epoch, Range range) {
        lostCount += range.size();
        return new Entry.Told(
                new Event.Gap(topic, range.first(), range.last(), false, epoch, true));
    }

    /** Takes the requests that are to be sent now. */
    List<Request> start(long nowNs) {
        if (isPaused || ready.isEmpty() || nowNs < resumeAtNs) {
            return List.of();
        }
        resumeAtNs = Long.MIN_VALUE;
        List<Request> started = new ArrayList<>();
        while (!ready.isEmpty() && outstandingCount < OUTSTANDING_MAX) {
            Line line = ready.removeFirst();
            line.request = nextRequest(line);
            outstandingCount++;
            requestedCount++;
            started.add(line.request);
        }
        return started;
    }

    /** Monotonic time at which a pause is over; {@link Long#MAX_VALUE} when nothing waits. */
    long deadlineNs() {
        return resumeAtNs == Long.MIN_VALUE ? Long.MAX_VALUE : resumeAtNs;
    }

    /** Asks for the first hole, or as much of it as one request may, and for what is close. */
    private static Request nextRequest(Line line) {
        Iterator<Range> holes = line.holes.iterator();
        Range hole = holes.next();
        long first = hole.first();
        long limit = first + MESSAGES_MAX - 1;
        long holeLast = hole.last();
        long last = Math.min(holeLast, limit);
        while (holes.hasNext()) {
            Range later = holes.next();
            if (later.last() > limit || later.first() - last - 1 > APART_MAX) {
                break;
            }
            holeLast = later.last();
            last = holeLast;
        }
        return new Request(line.route, line.epoch, first, last, holeLast);
    }

    /**
     * Notes how a request ended.
     *
     * @param result What the gateway answered; ignored when there is an error.
     * @param error Why it did not; null when it did.
     * @return What the application is to get, in order.
     */
    List<Entry> answered(Request request, Object result, GatewayClientException error, long nowNs) {
        Line line = lines.get(request.route.topic);
        if (line == null || line.request != request) {
            lateCount++;
            return List.of();
        }
        line.request = null;
        outstandingCount--;
        boolean isUnanswered = error instanceof RequestTimedOut || error instanceof NotConnected;
        unansweredInARow = isUnanswered ? unansweredInARow + 1 : 0;
        boolean isUnknown = error instanceof RequestRefused
                && error.code().equals(ErrorCode.UNKNOWN_METHOD.code);
        List<Entry> out;
        if (error == null) {
            line.attempts = 0;
            out = take(line, request, result);
        } else if (isToBeTriedAgain(line, error, nowNs)) {
            ready.addFirst(line);
            return List.of();
        } else if (unansweredInARow >= ATTEMPTS_MAX || isUnknown) {
            // Others would fare no better: a gateway without replay, or one that does not answer.
            isSupported &= !isUnknown;
            return giveUpAll();
        } else {
            line.attempts = 0;
            out = end(line, request.holeLast, List.of());
        }
        if (line.holes.isEmpty()) {
            lines.remove(request.route.topic);
        } else {
            ready.addLast(line);
        }
        return out;
    }

    /** Stops wanting what a topic lost; returns what is to be told of it. */
    List<Entry> giveUp(String topic) {
        Line line = lines.remove(topic);
        if (line == null) {
            return List.of();
        }
        ready.remove(line);
        outstandingCount -= line.request == null ? 0 : 1;
        holeCount -= line.holes.size();
        List<Entry> out = new ArrayList<>();
        line.holes.forEach(hole -> addLost(out, line, hole));
        return out;
    }

    /** Stops wanting anything; returns what is to be told. */
    List<Entry> giveUpAll() {
        List<Entry> out = new ArrayList<>();
        List.copyOf(lines.keySet()).forEach(topic -> out.addAll(giveUp(topic)));
        return out;
    }

    /** Follows another run of the gateway: what the earlier one kept went with it. */
    List<Entry> restart() {
        List<Entry> out = giveUpAll();
        isSupported = true;
        unansweredInARow = 0;
        resumeAtNs = Long.MIN_VALUE;
        return out;
    }

    private void addLost(List<Entry> out, Line line, Range piece) {
        long first = Math.max(piece.first(), line.unsureLast + 1);
        if (first <= piece.last()) {
            out.add(lost(line.route.topic, line.epoch, new Range(first, piece.last())));
        }
    }

    /** Judges a failure; when another try makes sense, everything pauses before it. */
    private boolean isToBeTriedAgain(Line line, GatewayClientException error, long nowNs) {
        Long retryMs = error instanceof RequestRefused refused ? refused.retryMs() : null;
        // Who says when to ask again means that it will help.
        boolean isBusy = error instanceof RequestTimedOut || error instanceof NotConnected
                || BUSY_CODES.contains(error.code()) || retryMs != null;
        line.attempts++;
        if (!isBusy || line.attempts >= ATTEMPTS_MAX) {
            return false;
        }
        long pauseNs = retryMs == null ? PAUSE_NS << (line.attempts - 1) : retryMs * 1_000_000L;
        if (pauseNs > PAUSE_NS_MAX) {
            return false;
        }
        retriedCount++;
        resumeAtNs = Math.max(resumeAtNs, nowNs + pauseNs);
        return true;
    }

    /** Sorts an answer into what came and what never will. */
    private List<Entry> take(Line line, Request request, Object result) {
        Map<?, ?> fields = result instanceof Map<?, ?> map ? map : Map.of();
        List<?> bodies = List.of();
        if (fields.get("bodies") instanceof List<?> list) {
            bodies = list;
        } else {
            badCount++;
        }
        List<Header> found = read(line, request, bodies);
        long end = request.last;
        if (!Boolean.TRUE.equals(fields.get("complete"))) {
            if (!(fields.get("oldest") instanceof Long oldest)) {
                end = request.holeLast;
            } else if (oldest > request.last) {
                end = Math.min(oldest - 1, line.holes.getLast().last());
            } else if (!found.isEmpty() && lastOf(found) < request.last) {
                // As much as one reply holds; the rest is still there.
                end = Math.max(lastOf(found), oldest - 1);
            }
        }
        return end(line, end, found);
    }

    private static long lastOf(List<Header> found) {
        return found.get(found.size() - 1).sequence;
    }

    /** Takes the bodies that were lost; what is not as asked for is counted. */
    private List<Header> read(Line line, Request request, List<?> bodies) {
        Iterator<Range> wanted = line.holes.iterator();
        Range hole = wanted.next();
        long position = request.first - 1;
        List<Header> found = new ArrayList<>();
        for (Object body : bodies) {
            Header header = checked(request, body, position);
            if (header == null) {
                badCount++;
                continue;
            }
            position = header.sequence;
            while (hole.last() < position && wanted.hasNext()) {
                hole = wanted.next();
            }
            if (hole.first() <= position && position <= hole.last()) {
                found.add(header);
            }
        }
        return found;
    }

    /** Reads one body; null unless it is one asked for, behind `position`, and readable. */
    private static Header checked(Request request, Object body, long position) {
        try {
            Header header = new Header(RpcCodec.pack(body), 0);
            boolean isAskedFor = header.type == request.route.type
                    && header.epoch == request.epoch
                    && (header.flags & Contract.Flag.REPLAY) != 0
                    && position < header.sequence && header.sequence <= request.last;
            if (!isAskedFor) {
                return null;
            }
            Codec.readBody(request.route.kind, request.route.symbol, header.bytes, 0, 0, 0);
            return header;
        } catch (CodecError error) {
            return null;
        }
    }

    /** Takes everything up to a sequence out of the holes and tells what became of it. */
    private List<Entry> end(Line line, long end, List<Header> found) {
        List<Range> each = new ArrayList<>();
        found.forEach(header -> each.add(new Range(header.sequence, header.sequence)));
        List<Range> came = Ranges.joined(each);
        Iterator<Header> rows = found.iterator();
        List<Entry> out = new ArrayList<>();
        while (!line.holes.isEmpty() && line.holes.getFirst().first() <= end) {
            Range hole = line.holes.removeFirst();
            Range ended = new Range(hole.first(), Math.min(hole.last(), end));
            List<Range> lost = Ranges.without(ended, came);
            List<Range> pieces = new ArrayList<>(Ranges.without(ended, lost));
            pieces.addAll(lost);
            pieces.sort(Comparator.comparingLong(Range::first));
            for (Range piece : pieces) {
                if (lost.contains(piece)) {
                    addLost(out, line, piece);
                    continue;
                }
                recoveredCount += piece.size();
                for (long i = piece.size(); i > 0; i--) {
                    out.add(new Entry.Pending(line.route, rows.next(), false, false));
                }
                out.add(new Entry.Told(new Event.Gap(line.route.topic, piece.first(),
                        piece.last(), true, line.epoch, false)));
            }
            if (ended.last() < hole.last()) {
                line.holes.addFirst(new Range(ended.last() + 1, hole.last()));
                return out;
            }
            holeCount--;
        }
        return out;
    }
}
