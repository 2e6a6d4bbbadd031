package io.iqfeedgateway.client;

import io.iqfeedgateway.client.Contract.MessageType;
import io.iqfeedgateway.client.Entry.Pending;
import io.iqfeedgateway.client.Entry.Told;
import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import io.iqfeedgateway.client.Ranges.Range;
import io.iqfeedgateway.client.Tracker.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Frames in, messages and loss events out. No I/O, no clock.
 *
 * <p>The reader thread hands every frame to {@link #receive}. Of values it looks at the header and
 * whether the body is whole, and leaves the rest (item types, NaN, building the record) to the
 * thread that reads the message: what is conflated away is then never decoded.
 */
final class Intake {
    private final Joins joins;
    private final Replays replays;
    private final Routes routes = new Routes();
    private final Route tails;

    /** What the application is to get, in order; the engine takes it after every batch. */
    final List<Entry> out = new ArrayList<>();
    /** Private topics to unsubscribe from; the engine takes them after every batch. */
    final List<String> answered = new ArrayList<>();
    volatile long epoch = -1;
    /** Set when a new epoch was noticed; the session clears it. */
    boolean hasRestarted;
    long heartbeatCount;
    /** When the gateway published the last heartbeat, microseconds UTC. */
    long heartbeatUs;
    volatile long receivedCount;
    volatile long gapCount;
    volatile long missingCount;
    volatile long repeatCount;
    volatile long badFrameCount;
    volatile long unknownCount;
    volatile long unroutedCount;
    volatile long restartCount;

    Intake(Joins joins, Replays replays) {
        this.joins = joins;
        this.replays = replays;
        Topics.SYS.forEach(this::add);
        this.tails = routes.get(Topics.TAILS);
    }

    /** Accepts a topic, or everything under a kind prefix such as {@code news,}. */
    void add(String topic) {
        routes.add(topic);
    }

    /** Stops accepting a topic, or what a prefix alone brought, and wanting their snapshots. */
    void remove(String topic) {
        for (Route route : routes.remove(topic)) {
            out.addAll(replays.giveUp(route.topic));
            String asked = joins.forget(route.topic);
            if (asked != null) {
                answered.add(asked);
            }
        }
    }

    /** Lets the image that is asked for be told as what heals the rows that were skipped. */
    void noteSkipped(List<Event.Gap> gaps) {
        for (Event.Gap gap : gaps) {
            Route route = routes.get(gap.topic());
            if (route != null && route.hasValue && gap.epoch() == route.tracker.epoch) {
                route.widen(gap.firstMissing(), gap.lastMissing());
            }
        }
    }

    /** Wants a fresh snapshot of a topic, if it has any. */
    void askAgain(String topic) {
        Route route = routes.get(topic);
        if (route != null) {
            ask(route);
        }
    }

    /** Wants a fresh snapshot of every topic that has one, except those of some symbols. */
    void askAllAgain(Predicate<String> unless) {
        routes.all().stream().filter(route -> !unless.test(route.symbol)).forEach(this::ask);
    }

    /** Wants a fresh image of every book. */
    void askImagesAgain() {
        routes.all().stream().filter(route -> route.hasImage).forEach(this::ask);
    }

    private void ask(Route route) {
        if (route.hasSnapshot) {
            route.wantImage();
            joins.ask(route.topic);
        }
    }

    /** Takes one frame from the socket; whatever it holds, this never throws. */
    void receive(byte[] frame) {
        receivedCount++;
        int end = Codec.topicEnd(frame);
        if (end < 0 || frame.length > Contract.FRAME_BYTES_MAX) {
            badFrameCount++;
            return;
        }
        String topic = new String(frame, 0, end, StandardCharsets.ISO_8859_1);
        try {
            Header header = new Header(frame, end);
            Route route = routes.getOrFollow(topic);
            if (route != null) {
                receiveOn(route, header);
            } else {
                receivePrivate(topic, header);
            }
        } catch (DecodeError error) {
            badFrameCount++;
        }
    }

    private void receiveOn(Route route, Header header) {
        boolean isOwnType = header.type == route.type;
        if (!isOwnType && !isAllowed(route, header.type)) {
            return;
        }
        // What cannot be read was not received: the next message then shows the hole.
        if (route.isState || Codec.layoutOf(header.type) == null) {
            header.check();
        } else {
            header.message = Codec.readBody(
                    route.kind, route.symbol, header.bytes, header.offset, 0, 0);
        }
        if (header.epoch != epoch) {
            noteEpoch(header.epoch, header.flags);
        }
        Tracker tracker = route.tracker;
        Verdict verdict = tracker.update(header.epoch, header.sequence, header.flags);
        if (verdict == Verdict.GAP) {
            noteGap(route, header.epoch, tracker.firstMissing, tracker.lastMissing);
        } else if (verdict == Verdict.RESTART) {
            route.beginAnew();
            fetchStart(route, header.epoch, header.sequence - 1);
        } else if (verdict == Verdict.REPEAT || (verdict == Verdict.REPLAYED
                // What is sent again to everybody was asked for already: it comes once.
                && replays.isAwaited(route.topic, header.epoch, header.sequence))) {
            repeatCount++;
            return;
        }
        if (route.kind.equals("sys") && receiveSys(route, header)) {
            return;
        }
        if (isOwnType || Codec.layoutOf(header.type) != null) {
            out.add(new Pending(route, header, route.isState && isOwnType, false));
        }
        if (route.needsImage || (route.hasImage && !isOwnType)) {
            followBook(route, header);
        }
    }

    /**
     * Has an image by the time updates come: they are of no use without.
     *
     * <p>Answers get lost, and the first may have been a state: only an image, or the first message
     * of a run, ends the asking. The pauses grow, lest every update asks a gateway without one.
     */
    private void followBook(Route route, Header header) {
        long sequence = header.sequence;
        if (route.tracker.epoch != header.epoch || route.tracker.sequence != sequence) {
            return; // Sent again: the position has not moved.
        }
        if (header.type == MessageType.IMAGE) {
            route.needsImage = false;
            noteHealed(route, header.epoch);
        } else if (header.type != route.type) {
            // A change that cannot be understood is a change lost.
            noteGap(route, header.epoch, sequence, sequence);
        } else if (sequence == 1) {
            route.needsImage = false;
        } else if (sequence >= route.askAt && joins.ask(route.topic)) {
            route.askAt = sequence + route.askStep;
            route.askStep *= 2;
        }
    }

    /** Judges a type number other than the kind's own; unknown ones are skipped, not lost. */
    private boolean isAllowed(Route route, long type) {
        boolean isUnknown = Codec.layoutOf(type) == null;
        boolean isAllowed = isUnknown || route.isCarried(type);
        unknownCount += isUnknown ? 1 : 0;
        badFrameCount += isAllowed ? 0 : 1;
        return isAllowed;
    }

    /** Takes a private answer, or what was unsubscribed a moment ago. */
    private void receivePrivate(String topic, Header header) {
        String base = joins.topicOf(topic);
        Route route = base == null ? null : routes.get(base);
        if (route == null) {
            unroutedCount++;
            joins.answered(topic);
            answered.add(topic);
            return;
        }
        if (Codec.layoutOf(header.type) != null) {
            // What cannot be read heals nothing: as if unanswered, it is asked for again.
            Codec.readBody(route.kind, route.symbol, header.bytes, header.offset, 0, 0);
        }
        joins.answered(topic);
        answered.add(topic);
        receiveAnswer(route, header);
    }

    private void receiveAnswer(Route route, Header header) {
        long run = header.epoch;
        if (header.type == MessageType.STATE && (header.flags & Contract.Flag.SNAPSHOT) == 0) {
            // Not a snapshot but why there is none; it says nothing of the sequence.
            route.needsImage = route.hasImage;
            out.add(new Pending(route, header, false, false));
            if (route.isBaseline && run == epoch && epoch != route.tracker.epoch) {
                // Most likely nothing was published in this run; certain it is not.
                route.isFromStart = true;
                route.tracker.snapshot(run, 0);
            }
            return;
        }
        if (header.type != route.type && !(route.hasImage && header.type == MessageType.IMAGE)) {
            badFrameCount++;
            return;
        }
        if (run != epoch) {
            noteEpoch(run, 0);
        }
        Tracker tracker = route.tracker;
        Verdict verdict = tracker.snapshot(run, header.sequence);
        if (verdict == Verdict.REPEAT) {
            repeatCount++;
            if (route.gapFirst != 0 || route.needsImage) {
                joins.ask(route.topic);
            }
            return;
        }
        if (verdict == Verdict.GAP) {
            addGap(route, run, tracker.firstMissing, tracker.lastMissing);
        } else if (verdict == Verdict.RESTART) {
            route.beginAnew();
            fetchStart(route, run, header.sequence);
        }
        if (route.isBaseline) {
            return;
        }
        route.needsImage = false;
        out.add(new Pending(route, header, route.isState, true));
        noteHealed(route, run);
    }

    /** Tells that a snapshot stands for what was lost. */
    private void noteHealed(Route route, long run) {
        if (route.gapFirst != 0) {
            out.add(new Told(new Event.Gap(
                    route.topic, route.gapFirst, route.gapLast, true, run, false)));
            route.closeGap();
        }
    }

    /** Handles heartbeats and tails; returns whether the message ends here. */
    private boolean receiveSys(Route route, Header header) {
        boolean isTails = header.type == MessageType.TAILS;
        if (!isTails && header.type != MessageType.HEARTBEAT) {
            return false;
        }
        if (header.message instanceof Message.Tails told) {
            receiveTails(told.epoch(), told.details() == null ? Map.of() : told.details());
        } else if (header.message instanceof Message.Heartbeat told) {
            heartbeatCount++;
            heartbeatUs = told.recvUs();
            if (told.details() != null
                    && told.details().get("tails_sequence") instanceof Long last && last >= 0) {
                if (tails.tracker.epoch != told.epoch()) {
                    tails.tracker.snapshot(told.epoch(), last);
                } else if (tails.tracker.tail(told.epoch(), last) == Verdict.GAP) {
                    // Which topics fell quiet is unknown, so every position is asked for.
                    askAllAgain(symbol -> false);
                }
            }
        }
        return true;
    }

    private void receiveTails(long run, Map<String, Object> details) {
        if (!(details.get("topics") instanceof Map<?, ?> topics)) {
            badFrameCount++;
            return;
        }
        topics.forEach((topic, value) -> {
            if (!(value instanceof Long last) || last < 0) {
                badFrameCount++;
                return;
            }
            Route route = routes.get(topic);
            if (route == null) {
                return;
            }
            Tracker tracker = route.tracker;
            if (tracker.epoch == run) {
                if (tracker.tail(run, last) == Verdict.GAP) {
                    noteGap(route, run, tracker.firstMissing, tracker.lastMissing);
                }
                return;
            }
            // Whatever was published so far did not arrive; how much that is nobody can tell.
            if (tracker.snapshot(run, last) == Verdict.RESTART) {
                fetchStart(route, run, last);
            }
            route.beginAnew();
            if (!route.isBaseline) {
                ask(route);
            }
        });
    }

    /** Tells of lost messages and asks for what replaces them. */
    private void noteGap(Route route, long run, long first, long last) {
        if (route.topic.equals(Topics.HEARTBEAT)) {
            return; // The next one is as good.
        }
        if (route.kind.equals("sys")
                && (route.symbol.equals("tails") || route.symbol.equals("client"))) {
            // What fell quiet is unknown, so every position is asked for.
            askAllAgain(symbol -> false);
            if (route == tails) {
                return;
            }
        }
        addGap(route, run, first, last);
        if (!route.isBaseline) {
            ask(route);
        }
    }

    /** Fetches what a run published before we heard of it, as far as it did and has it still. */
    private void fetchStart(Route route, long run, long last) {
        if (route.isBaseline && last > 0 && run == epoch) {
            replays.ask(route, run, 1, last, false);
        }
    }

    /** Tells of lost messages, and has those fetched that nothing newer stands for. */
    private void addGap(Route route, long run, long first, long last) {
        if (route.isFromStart) {
            route.isFromStart = false;
            if (first == 1) {
                fetchStart(route, run, last);
                return;
            }
        }
        gapCount++;
        missingCount += last - first + 1;
        if (route.hasValue) {
            route.widen(first, last);
        } else if (!route.isBaseline || run != epoch
                || !replays.ask(route, run, first, last, true)) {
            out.add(replays.lost(route.topic, run, new Range(first, last)));
            return;
        }
        out.add(new Told(new Event.Gap(route.topic, first, last, false, run, false)));
    }

    /** Notices another run of the gateway; re-sent messages of an earlier one do not count. */
    private void noteEpoch(long run, long flags) {
        long old = epoch;
        if (old < 0) {
            epoch = run;
        } else if (run > old || (flags & Tracker.RESENT) == 0) {
            epoch = run;
            hasRestarted = true;
            restartCount++;
            out.addAll(replays.restart());
            out.add(new Told(new Event.GatewayRestarted(old, run)));
        }
    }

    /** Asks for a snapshot of a topic whose message the application could not decode. */
    void heal(String topic) {
        Route route = routes.get(topic);
        if (route != null && route.hasValue) {
            route.widen(route.tracker.sequence, route.tracker.sequence);
            ask(route);
        }
    }
}
