package io.iqfeedgateway.client;

import io.iqfeedgateway.client.Entry.Pending;
import io.iqfeedgateway.client.Entry.Told;
import io.iqfeedgateway.client.Ranges.Range;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a slow application did not get to read, and how it is told. No I/O.
 *
 * <p>When the queue is full, everything that waits is skipped but the newest value of each state
 * topic and the client's own events. What was skipped is kept here, as ranges of sequences, until
 * the application reads on: it then gets an Overrun and one Gap for each range.
 */
final class Skipped implements Entry {
    /** Ranges told one by one; what is skipped beyond that is counted by the Overrun. */
    static final int RANGES_MAX = 1_000;
    /** Events of the client's own that survive a skip. */
    static final int EVENTS_MAX = 1_000;

    /**
     * What a skip leaves.
     *
     * @param entries What still waits, oldest first.
     * @param skipped The one among them, or null.
     * @param droppedCount Messages and events skipped.
     * @param mergedCount State messages that a newer one of their topic stands for now.
     */
    record Rest(Deque<Entry> entries, Skipped skipped, long droppedCount, long mergedCount) {
    }

    private record Run(String topic, long epoch) {
    }

    /** Of every message skipped; empty text stands for events that belong to none. */
    final Set<String> topics = new HashSet<>();
    /** Messages, and events of the client that found no room. */
    long count;
    private final Set<String> haveValue = new HashSet<>();
    private final Map<Run, List<Range>> ranges = new LinkedHashMap<>();
    private int rangeCount;
    private long namedCount;

    /** Reduces what waits to what is current; at most `valuesMax` values of state topics stay. */
    static Rest skip(Deque<Entry> entries, int valuesMax) {
        Skipped skipped = new Skipped();
        List<Entry> kept = new ArrayList<>();
        List<Pending> events = new ArrayList<>();
        int lead = -1;
        int valueCount = 0;
        long mergedCount = 0;
        for (Entry entry : entries) {
            if (entry instanceof Skipped earlier) {
                lead = kept.size();
                skipped = earlier;
            } else if (entry instanceof Pending message) {
                lead = lead < 0 ? kept.size() : lead;
                Pending newest = message.route.pending;
                if (message.route.kind.equals("sys")) {
                    kept.add(message);
                } else if (!message.isState) {
                    events.add(message);
                } else if (newest == message || newest == null) {
                    kept.add(message);
                    valueCount++;
                } else {
                    newest.standFor(message);
                    mergedCount++;
                }
            } else {
                kept.add(entry);
            }
        }
        long count = skipped.count;
        events.forEach(skipped::addMessage);
        lead = lead < 0 ? kept.size() : lead;
        int[] over = {kept.size() - valueCount - EVENTS_MAX, valueCount - valuesMax};
        Deque<Entry> left = new ArrayDeque<>(within(kept.subList(0, lead), skipped, over));
        List<Entry> tail = within(kept.subList(lead, kept.size()), skipped, over);
        boolean isAny = skipped.count > 0;
        if (isAny) {
            left.addLast(skipped);
        }
        left.addAll(tail);
        return new Rest(left, isAny ? skipped : null, skipped.count - count, mergedCount);
    }

    /** Lets go of the oldest events and values there is no room for; `over` is counted down. */
    private static List<Entry> within(List<Entry> kept, Skipped skipped, int[] over) {
        List<Entry> left = new ArrayList<>();
        for (Entry entry : kept) {
            boolean isValue = entry instanceof Pending message && message.isState;
            if (--over[isValue ? 1 : 0] >= 0) {
                skipped.addAny(entry);
            } else {
                left.addAll(skipped.cut(entry));
            }
        }
        return left;
    }

    /** Notes an event message that is not delivered. */
    private void addMessage(Pending message) {
        Route route = message.route;
        Header header = message.header;
        count++;
        topics.add(route.topic);
        if (message.isSnapshot || header.type == Contract.MessageType.STATE) {
            return; // An answer: it has no sequence of its own.
        }
        if (route.hasValue) {
            haveValue.add(route.topic);
        }
        if (addRange(route.topic, header.epoch, header.sequence, header.sequence)) {
            namedCount++;
        }
    }

    /** Notes what found no room, a message or an event of the client's own. */
    private void addAny(Entry entry) {
        if (entry instanceof Pending message) {
            message.route.pending = message.route.pending == message ? null : message.route.pending;
            if (message.isState) {
                topics.add(message.route.topic);
                count += 1 + message.mergedAdd;
            } else {
                addMessage(message);
            }
            return;
        }
        count++;
        Event event = ((Told) entry).event();
        topics.add(event instanceof Event.Gap gap ? gap.topic() : "");
        if (event instanceof Event.Gap gap && gap.isFinal()
                && addRange(gap.topic(), gap.epoch(), gap.firstMissing(), gap.lastMissing())) {
            // It was the only word on these messages, so it must not vanish.
            namedCount++;
        }
    }

    private boolean addRange(String topic, long epoch, long first, long last) {
        List<Range> taken = ranges.computeIfAbsent(new Run(topic, epoch), run -> new ArrayList<>());
        int end = taken.size() - 1;
        if (end >= 0 && taken.get(end).last() + 1 == first) {
            taken.set(end, new Range(taken.get(end).first(), last));
            return true;
        }
        if (rangeCount >= RANGES_MAX) {
            return false;
        }
        rangeCount++;
        taken.add(new Range(first, last));
        return true;
    }

    /** Cuts what was skipped out of a Gap that still waits: the last word on it is another. */
    List<Entry> cut(Entry entry) {
        if (!(entry instanceof Told told) || !(told.event() instanceof Event.Gap gap)
                || gap.isFinal() || haveValue.contains(gap.topic())) {
            return List.of(entry);
        }
        List<Range> taken = ranges.get(new Run(gap.topic(), gap.epoch()));
        if (taken == null) {
            return List.of(entry);
        }
        List<Entry> left = new ArrayList<>();
        for (Range range : Ranges.without(
                new Range(gap.firstMissing(), gap.lastMissing()), taken)) {
            left.add(new Told(new Event.Gap(gap.topic(), range.first(), range.last(),
                    gap.healed(), gap.epoch(), false)));
        }
        return left;
    }

    /** Spells what stands for all of it. */
    Event.Overrun overrun() {
        String only = topics.size() == 1 ? topics.iterator().next() : "";
        return new Event.Overrun(only.isEmpty() ? null : only, count, count - namedCount);
    }

    /** Spells what was skipped, one for each range. */
    List<Event.Gap> gaps() {
        List<Event.Gap> gaps = new ArrayList<>();
        ranges.forEach((run, taken) -> {
            for (Range range : Ranges.joined(taken)) {
                gaps.add(new Event.Gap(run.topic, range.first(), range.last(), false, run.epoch,
                        !haveValue.contains(run.topic)));
            }
        });
        return gaps;
    }
}
