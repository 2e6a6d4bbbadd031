package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.RequestRefused;
import io.iqfeedgateway.client.Leases.Group;
import io.iqfeedgateway.client.Results.SymbolResult;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;

/**
 * What is held at the gateway: subscriptions, leases, snapshots, and how they are kept.
 *
 * <p>Everything here runs in the reader thread and never waits: requests bring their answers to
 * callbacks, retries are timers.
 */
final class Session {
    private static final String VERSION = "0.1.0";
    private static final long RETRY_NS_MIN = 1_000_000_000L;
    private static final long RETRY_NS_MAX = 10_000_000_000L;
    private static final int GREETINGS_MAX = 5;
    private static final long NS_PER_US = 1_000;
    private static final long NS_PER_MS = 1_000_000;

    private record Timer(long atNs, LongConsumer call) {
    }

    private final Options options;
    private final RpcClient rpc;
    private final Subscriber subscriber;
    private final Delivery queue;
    private final long timeoutNs;
    private final String token = Topics.newNonce();
    private final PriorityQueue<Timer> timers =
            new PriorityQueue<>((a, b) -> Long.compare(a.atNs, b.atNs));
    private long reportedReceived;
    private long reportedMissing;

    final Joins joins = new Joins();
    final Replays replays = new Replays(Replays.HOLES_MAX);
    final Intake intake = new Intake(joins, replays);
    final Leases leases;
    volatile long repairedCount;
    /** Age of the last heartbeat when it was read, by this machine's clock; null before. */
    volatile Long heartbeatLagUs;

    Session(Options options, RpcClient rpc, Subscriber subscriber, Delivery queue) {
        this.options = options;
        this.rpc = rpc;
        this.subscriber = subscriber;
        this.queue = queue;
        this.timeoutNs = options.requestTimeout.toNanos();
        this.leases = new Leases(options.leaseS);
        Topics.SYS.forEach(this::listen);
        listen("~" + token + ".sys,client,");
    }

    /** How far behind we are, microseconds: the way to us, or the application; null unknown. */
    Long lagUs(long nowNs) {
        long waitingUs = queue.ageNs(nowNs) / NS_PER_US;
        Long heartbeatUs = heartbeatLagUs;
        if (heartbeatUs == null) {
            return waitingUs == 0 ? null : (Long) waitingUs;
        }
        return Math.max(Math.max(heartbeatUs, waitingUs), 0);
    }

    /** Says who we are, which binds the data connection that holds our token to our name. */
    void greet(long nowNs, long waitNs, RpcClient.OnDone onDone) {
        Map<String, Object> params = Map.of("client", options.clientName, "language", "java",
                "version", VERSION, "data_token", token);
        rpc.request("hello", params, waitNs, nowNs, onDone);
    }

    /** Says it of a fresh data connection; leases bind it as well, but not everybody has any. */
    private void greetAgain(long nowNs, int attempts) {
        greet(nowNs, timeoutNs, (result, error) -> {
            boolean isAway = error instanceof GatewayClientException.RequestTimedOut
                    || error instanceof GatewayClientException.NotConnected
                    || (error instanceof RequestRefused refused && refused.retryMs() != null);
            if (isAway && attempts < GREETINGS_MAX) {
                later(Clock.nowNs() + RETRY_NS_MIN, at -> greetAgain(at, attempts + 1));
            }
        });
    }

    // Subscriptions.

    /** Takes leases, then listens, then asks for snapshots; symbols and kinds are checked. */
    void subscribe(List<String> symbols, List<String> kinds, long nowNs, long waitNs,
            CompletableFuture<Map<String, SymbolResult>> future) {
        Map<String, SymbolResult> results = new LinkedHashMap<>();
        List<List<String>> parts = Topics.chunks(symbols);
        int[] open = {parts.size()};
        if (parts.isEmpty()) {
            future.complete(results);
        }
        for (List<String> part : parts) {
            lease(part, kinds, nowNs, waitNs, (result, error) -> {
                open[0]--;
                try {
                    results.putAll(take(part, kinds, true, result, error, nowNs));
                    if (open[0] == 0) {
                        future.complete(results);
                    }
                } catch (GatewayClientException failure) {
                    // What other parts brought stays subscribed; the caller may simply ask again.
                    future.completeExceptionally(failure);
                }
            });
        }
    }

    private void lease(List<String> symbols, List<String> kinds, long nowNs, long waitNs,
            RpcClient.OnDone onDone) {
        Map<String, Object> params = Map.of("client", options.clientName, "symbols", symbols,
                "kinds", kinds, "lease_s", options.leaseS, "data_token", token);
        rpc.request("subscribe", params, waitNs, nowNs, onDone);
    }

    /** Acts on the answer to `subscribe`; `isNew` unless all of it was wanted before. */
    Map<String, SymbolResult> take(List<String> symbols, List<String> kinds, boolean isNew,
            Object result, GatewayClientException error, long nowNs) {
        if (error != null) {
            throw error;
        }
        Map<String, Object> fields = Results.mapOf(result);
        Map<String, SymbolResult> results = Results.subscribedOf(fields, symbols);
        List<String> accepted = new ArrayList<>();
        results.values().stream().filter(SymbolResult::isAccepted)
                .forEach(symbol -> accepted.add(symbol.symbol()));
        if (isNew) {
            leases.want(accepted, kinds);
        }
        for (String symbol : accepted) {
            // What was given up while the gateway was asked again stays given up.
            kinds.stream().filter(leases.kindsOf(symbol)::contains)
                    .forEach(kind -> listen(Topics.topicOf(kind, symbol)));
        }
        if (fields.get("lease_id") instanceof String id && !accepted.isEmpty()) {
            List<String> kept = accepted.stream().filter(leases::isWanted).toList();
            if (!kept.isEmpty()) {
                leases.add(id, kept, nowNs);
            }
            giveBack(id, accepted.stream().filter(name -> !leases.isWanted(name)).toList(), nowNs);
        }
        return results;
    }

    /** Gives up what a lease holds in vain; should that fail, the lease ends by itself. */
    private void giveBack(String id, List<String> symbols, long nowNs) {
        if (!symbols.isEmpty()) {
            Map<String, Object> params =
                    Map.of("client", options.clientName, "lease_id", id, "symbols", symbols);
            rpc.request("unsubscribe", params, timeoutNs, nowNs, (result, error) -> { });
        }
    }

    /** Subscribes to a topic first, then wants its snapshot: the order makes it free of races. */
    private void listen(String topic) {
        intake.add(topic);
        subscriber.subscribe(topic);
        intake.askAgain(topic);
    }

    /**
     * Stops listening at once, then tells the gateway.
     *
     * @param kinds Kinds, `l1` or `l2`, checked; null for all. `state` in a level stays while other
     *     kinds of the symbol do.
     */
    void giveUp(List<String> symbols, Collection<String> kinds, long nowNs, long waitNs,
            CompletableFuture<Void> future) {
        Map<List<String>, List<String>> byKinds = new HashMap<>();
        for (String symbol : symbols) {
            List<String> chosen = kinds == null ? null : withoutShared(symbol, kinds);
            forget(leases.drop(symbol, chosen));
            byKinds.computeIfAbsent(chosen, key -> new ArrayList<>()).add(symbol);
        }
        leases.prune();
        List<Map<String, Object>> asks = new ArrayList<>();
        byKinds.forEach((chosen, members) -> Topics.chunks(members).forEach(part -> {
            Map<String, Object> params = new HashMap<>();
            params.put("client", options.clientName);
            params.put("symbols", part);
            if (chosen != null) {
                params.put("kinds", chosen);
            }
            asks.add(params);
        }));
        int[] open = {asks.size()};
        if (asks.isEmpty()) {
            future.complete(null);
        }
        for (Map<String, Object> params : asks) {
            rpc.request("unsubscribe", params, waitNs, nowNs, (result, error) -> {
                if (error != null) {
                    future.completeExceptionally(error);
                } else if (--open[0] == 0) {
                    future.complete(null);
                }
            });
        }
    }

    private List<String> withoutShared(String symbol, Collection<String> kinds) {
        List<String> chosen = Topics.expandKinds(kinds);
        Set<String> rest = new LinkedHashSet<>(leases.kindsOf(symbol));
        chosen.forEach(rest::remove);
        if (rest.isEmpty() || kinds.contains("state")) {
            return chosen;
        }
        return chosen.stream().filter(kind -> !kind.equals("state")).toList();
    }

    /** Listens to topics or kind prefixes without a lease. */
    void listenTo(Collection<String> names) {
        names.forEach(this::listen);
    }

    /** Stops listening to topics or kind prefixes. */
    void forget(Collection<String> names) {
        for (String name : names) {
            if (Topics.SYS.contains(name)) {
                continue; // Without them the client itself is deaf.
            }
            subscriber.unsubscribe(name); // What was asked for it ends after the batch.
            intake.remove(name);
        }
    }

    // Keeping what is held.

    /** Follows up on what the frames just read brought. */
    void afterBatch(long nowNs) {
        intake.answered.forEach(subscriber::unsubscribe);
        intake.answered.clear();
        if (intake.hasRestarted) {
            intake.hasRestarted = false;
            greetAgain(nowNs, 1);
            intake.askAllAgain(leases::isWanted);
            leaseAgain(leases.startOver(), nowNs, RETRY_NS_MIN);
        }
        startAsking(nowNs);
    }

    /** Asks for nothing while nothing is heard: it would only use up the attempts. */
    void disconnected() {
        replays.isPaused = true;
    }

    /** Begins anew on a fresh data socket. */
    void reopened() {
        joins.restart();
    }

    /** Fetches what may have been missed, by a connection that has a name again. */
    void reconnected(long nowNs) {
        replays.isPaused = false;
        greetAgain(nowNs, 1);
        intake.askAllAgain(symbol -> false);
    }

    /** Does what is due: retries, renewals, overdue snapshots. */
    void tick(long nowNs) {
        while (!timers.isEmpty() && timers.peek().atNs <= nowNs) {
            timers.poll().call.accept(nowNs);
        }
        joins.overdue(nowNs).forEach(subscriber::unsubscribe);
        startAsking(nowNs);
        List<Leases.Lease> due = leases.due(nowNs);
        if (!due.isEmpty() && leases.hasTooMany()) {
            leaseAgain(leases.startOver(), nowNs, RETRY_NS_MIN);
        } else {
            due.forEach(lease -> renew(lease, nowNs));
        }
    }

    /** Monotonic time at which {@link #tick} has something to do. */
    long deadlineNs() {
        long timer = timers.isEmpty() ? Long.MAX_VALUE : timers.peek().atNs;
        return Math.min(Math.min(timer, joins.deadlineNs()),
                Math.min(replays.deadlineNs(), leases.deadlineNs()));
    }

    /** Tells of what is still being fetched that it never comes. */
    void close() {
        intake.out.addAll(replays.giveUpAll());
    }

    private void startAsking(long nowNs) {
        joins.start(nowNs).forEach(subscriber::subscribe);
        if (!queue.hasRoom()) {
            return; // What came would push out what is current.
        }
        for (Replays.Request request : replays.start(nowNs)) {
            rpc.request("replay", request.params(), timeoutNs, nowNs, (result, error) ->
                    intake.out.addAll(replays.answered(request, result, error, Clock.nowNs())));
        }
    }

    private void renew(Leases.Lease lease, long nowNs) {
        long received = intake.receivedCount;
        long missing = intake.missingCount;
        Map<String, Object> params = new HashMap<>();
        params.put("client", options.clientName);
        params.put("lease_id", lease.id);
        params.put("received", received - reportedReceived);
        params.put("gaps", missing - reportedMissing);
        params.put("data_token", token);
        Long lagUs = lagUs(nowNs);
        if (lagUs != null) {
            params.put("lag_us", lagUs);
        }
        reportedReceived = received;
        reportedMissing = missing;
        rpc.request("renew", params, timeoutNs, nowNs,
                (result, error) -> renewed(lease, result, error, Clock.nowNs()));
    }

    private void renewed(
            Leases.Lease lease, Object result, GatewayClientException error, long nowNs) {
        if (error != null && error.code().equals(ErrorCode.LEASE_EXPIRED.code)) {
            if (leases.expire(lease.id)) {
                leaseAgain(leases.groups(lease.symbols), nowNs, RETRY_NS_MIN);
            }
            return;
        }
        if (error != null) {
            leases.retry(lease.id, nowNs);
            return;
        }
        List<String> repaired = new ArrayList<>();
        if (result instanceof Map<?, ?> fields
                && fields.get("missing_subscriptions") instanceof List<?> missing) {
            for (Object topic : missing) {
                if (topic instanceof String name && subscriber.repair(name)) {
                    repaired.add(name);
                }
            }
        }
        repairedCount += repaired.size();
        leases.renewed(lease.id, nowNs, !repaired.isEmpty());
        repaired.forEach(intake::askAgain);
    }

    /** Subscribes in the background, again and again until the gateway has answered. */
    private void leaseAgain(Collection<Group> groups, long nowNs, long delayNs) {
        for (Group group : groups) {
            lease(group.symbols(), group.kinds(), nowNs, timeoutNs, (result, error) -> {
                try {
                    take(group.symbols(), group.kinds(), false, result, error, Clock.nowNs())
                            .values().stream().filter(symbol -> !symbol.isAccepted())
                            .forEach(this::refused);
                } catch (GatewayClientException failure) {
                    retry(group, failure, delayNs);
                }
            });
        }
    }

    private void refused(SymbolResult symbol) {
        intake.out.add(new Entry.Told(new Event.SubscriptionRefused(
                symbol.symbol(), symbol.code(), symbol.hint() == null ? "" : symbol.hint())));
    }

    private void retry(Group group, GatewayClientException error, long delayNs) {
        long waitNs = delayNs;
        if (error instanceof RequestRefused refused && refused.retryMs() != null) {
            waitNs = Math.max(waitNs, refused.retryMs() * NS_PER_MS);
        }
        long nextNs = Math.min(delayNs * 2, RETRY_NS_MAX);
        later(Clock.nowNs() + waitNs,
                at -> leaseAgain(leases.groups(group.symbols()), at, nextNs));
    }

    private void later(long atNs, LongConsumer call) {
        timers.add(new Timer(atNs, call));
    }
}
