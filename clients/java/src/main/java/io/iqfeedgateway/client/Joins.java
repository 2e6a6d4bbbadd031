package io.iqfeedgateway.client;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which snapshots are asked for, which are awaited, which are overdue. No I/O.
 *
 * <p>Subscribing to a private topic is the request, the one message on it the answer, unsubscribing
 * the end. Only so many are outstanding at a time: a peer may hold a limited number of
 * subscriptions, and the gateway answers a limited number a second (by delaying, never by
 * refusing).
 */
final class Joins {
    /** Private topics subscribed at a time. */
    static final int OUTSTANDING_MAX = 256;
    /** A later answer is asked for again with a fresh nonce, as often as it takes. */
    static final long ANSWER_NS_MAX = 10_000_000_000L;

    private record Join(String topic, long deadlineNs) {
    }

    private final Set<String> waiting = new LinkedHashSet<>();
    /** By private topic, oldest first. */
    private final Map<String, Join> outstanding = new LinkedHashMap<>();
    /** Base topic to private topic. */
    private final Map<String, String> asked = new HashMap<>();

    volatile long requestedCount;
    volatile long unansweredCount;

    /**
     * Wants a snapshot of a base topic; asking again before the answer changes nothing.
     *
     * <p>An answer that is still outstanding serves later wishes too: it travels behind whatever
     * made us wish, so it is newer.
     *
     * @return Whether it was not wanted already.
     */
    boolean ask(String topic) {
        return !asked.containsKey(topic) && waiting.add(topic);
    }

    /** Takes the private topics to be subscribed now, each with a fresh nonce. */
    List<String> start(long nowNs) {
        if (waiting.isEmpty()) {
            return List.of();
        }
        List<String> started = new ArrayList<>();
        Iterator<String> topics = waiting.iterator();
        while (topics.hasNext() && outstanding.size() < OUTSTANDING_MAX) {
            String topic = topics.next();
            topics.remove();
            String name = "~" + Topics.newNonce() + "." + topic;
            outstanding.put(name, new Join(topic, nowNs + ANSWER_NS_MAX));
            asked.put(topic, name);
            started.add(name);
        }
        requestedCount += started.size();
        return started;
    }

    /** The base topic an answer is awaited for; null when nobody waits for it (any more). */
    String topicOf(String name) {
        Join join = outstanding.get(name);
        return join == null ? null : join.topic;
    }

    /** Notes an answer; the caller then unsubscribes from the private topic. */
    void answered(String name) {
        Join join = outstanding.remove(name);
        if (join != null) {
            asked.remove(join.topic);
        }
    }

    /** Takes the private topics to be given up; their base topics wait for another turn. */
    List<String> overdue(long nowNs) {
        List<String> late = new ArrayList<>();
        Iterator<Map.Entry<String, Join>> entries = outstanding.entrySet().iterator();
        while (entries.hasNext()) {
            Map.Entry<String, Join> entry = entries.next();
            Join join = entry.getValue();
            if (join.deadlineNs - nowNs > 0) {
                break; // The rest were asked later.
            }
            entries.remove();
            asked.remove(join.topic);
            waiting.add(join.topic);
            late.add(entry.getKey());
        }
        unansweredCount += late.size();
        return late;
    }

    /** Drops the wish for a base topic; returns the private topic to unsubscribe from, or null. */
    String forget(String topic) {
        waiting.remove(topic);
        String name = asked.remove(topic);
        outstanding.remove(name);
        return name;
    }

    /** Begins anew after the data socket was replaced: what was outstanding waits again. */
    void restart() {
        outstanding.values().forEach(join -> waiting.add(join.topic));
        outstanding.clear();
        asked.clear();
    }

    /** Monotonic time of the next overdue answer; {@link Long#MAX_VALUE} for none. */
    long deadlineNs() {
        return outstanding.isEmpty()
                ? Long.MAX_VALUE : outstanding.values().iterator().next().deadlineNs;
    }

    /** Snapshots waited for, asked or not. */
    int openCount() {
        return waiting.size() + outstanding.size();
    }
}
