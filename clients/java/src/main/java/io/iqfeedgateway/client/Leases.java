package io.iqfeedgateway.client;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What is held at the gateway, and when it is to be renewed. No I/O.
 *
 * <p>Every {@code subscribe} brings one lease. A lease is renewed at half its life, and every ten
 * seconds at least; when so many have gathered that renewing them one by one would be a burden,
 * everything is subscribed anew in few requests and the old leases are left to lapse.
 */
final class Leases {
    /** A lease is renewed so often at least: it is how the gateway learns of loss and lag. */
    static final long RENEW_NS_MAX = 10_000_000_000L;
    /** When missing subscriptions were sent again, the next renewal is this soon. */
    static final long DOUBT_NS = 2_000_000_000L;
    /** So many renewals in a row come early for that. */
    static final int DOUBTS_MAX = 3;
    /** More leases than this are replaced by as few as possible at the next renewal. */
    static final int LEASES_MAX = 32;
    private static final long RETRY_NS_MIN = 1_000_000_000L;

    /** One lease. */
    static final class Lease {
        final String id;
        final List<String> symbols;
        private long renewAtNs;
        private int doubts;
        private boolean isRenewing;

        private Lease(String id, List<String> symbols, long renewAtNs) {
            this.id = id;
            this.symbols = symbols;
            this.renewAtNs = renewAtNs;
        }
    }

    /** Symbols and the kinds wanted of each. */
    record Group(List<String> symbols, List<String> kinds) {
    }

    private final long halfLifeNs;
    private final long renewNs;
    private final Map<String, Set<String>> wanted = new LinkedHashMap<>();
    private final Map<String, Lease> leases = new LinkedHashMap<>();

    volatile long renewedCount;
    volatile long expiredCount;

    /** Makes an empty book of leases that live `leaseS` seconds. */
    Leases(long leaseS) {
        halfLifeNs = leaseS * 500_000_000L;
        renewNs = Math.min(halfLifeNs, RENEW_NS_MAX);
    }

    /** Remembers what the gateway accepted. */
    void want(Collection<String> symbols, Collection<String> kinds) {
        for (String symbol : symbols) {
            wanted.computeIfAbsent(symbol, key -> new LinkedHashSet<>()).addAll(kinds);
        }
    }

    /** Forgets a symbol, or only some of its kinds (null for all); returns the topics dropped. */
    List<String> drop(String symbol, Collection<String> kinds) {
        List<String> dropped = new ArrayList<>();
        Set<String> held = wanted.getOrDefault(symbol, Set.of());
        for (String kind : kinds == null ? List.copyOf(held) : kinds) {
            if (held.contains(kind)) {
                held.remove(kind);
                dropped.add(Topics.topicOf(kind, symbol));
            }
        }
        if (held.isEmpty()) {
            wanted.remove(symbol);
        }
        return dropped;
    }

    /** Forgets the leases that keep nothing wanted; the caller tells the gateway. */
    void prune() {
        leases.values().removeIf(lease -> lease.symbols.stream().noneMatch(wanted::containsKey));
    }

    /** Kinds wanted of a symbol. */
    Set<String> kindsOf(String symbol) {
        return wanted.getOrDefault(symbol, Set.of());
    }

    /** Whether a symbol is wanted with any kind. */
    boolean isWanted(String symbol) {
        return wanted.containsKey(symbol);
    }

    /** Remembers a lease just granted. */
    void add(String id, List<String> symbols, long nowNs) {
        leases.put(id, new Lease(id, List.copyOf(symbols), nowNs + renewNs));
    }

    /** Takes the leases to be renewed now; each is out until `renewed` or `retry`. */
    List<Lease> due(long nowNs) {
        List<Lease> due = new ArrayList<>();
        for (Lease lease : leases.values()) {
            if (!lease.isRenewing && lease.renewAtNs <= nowNs) {
                lease.isRenewing = true;
                due.add(lease);
            }
        }
        return due;
    }

    /** Whether subscribing anew beats renewing one by one. */
    boolean hasTooMany() {
        return leases.size() > LEASES_MAX;
    }

    /** Notes a renewal; in doubt, because subscriptions were missing, the next one is soon. */
    void renewed(String id, long nowNs, boolean isInDoubt) {
        renewedCount++;
        long waitNs = renewNs;
        Lease lease = leases.get(id);
        if (lease != null) {
            boolean isEarly = isInDoubt && lease.doubts < DOUBTS_MAX;
            lease.doubts = isInDoubt ? lease.doubts + 1 : 0;
            waitNs = isEarly ? Math.min(waitNs, DOUBT_NS) : waitNs;
        }
        again(id, nowNs + waitNs);
    }

    /** Notes a renewal that failed for the moment; several tries fit in what life is left. */
    void retry(String id, long nowNs) {
        again(id, nowNs + Math.max(halfLifeNs / 8, RETRY_NS_MIN));
    }

    private void again(String id, long atNs) {
        Lease lease = leases.get(id);
        if (lease != null) {
            lease.renewAtNs = atNs;
            lease.isRenewing = false;
        }
    }

    /** Notes that the gateway no longer knows a lease; returns whether it was still held. */
    boolean expire(String id) {
        expiredCount++;
        return leases.remove(id) != null;
    }

    /** Forgets every lease; returns groups that together are all that is wanted. */
    List<Group> startOver() {
        leases.clear();
        return groups(wanted.keySet());
    }

    /** Groups symbols by the kinds wanted of them, in pieces that one request may carry. */
    List<Group> groups(Collection<String> symbols) {
        Map<List<String>, List<String>> byKinds = new LinkedHashMap<>();
        for (String symbol : symbols) {
            Set<String> kinds = wanted.get(symbol);
            if (kinds != null) {
                byKinds.computeIfAbsent(List.copyOf(kinds), key -> new ArrayList<>()).add(symbol);
            }
        }
        List<Group> found = new ArrayList<>();
        byKinds.forEach((kinds, members) -> Topics.chunks(members)
                .forEach(part -> found.add(new Group(part, kinds))));
        return found;
    }

    /** Monotonic time of the next renewal; {@link Long#MAX_VALUE} for none. */
    long deadlineNs() {
        long next = Long.MAX_VALUE;
        for (Lease lease : leases.values()) {
            next = lease.isRenewing ? next : Math.min(next, lease.renewAtNs);
        }
        return next;
    }
}
