package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import io.iqfeedgateway.client.GatewayClientException.RequestError;
import io.iqfeedgateway.client.GatewayClientException.SecurityValidation;
import io.iqfeedgateway.client.Results.HealthStatus;
import io.iqfeedgateway.client.Results.SymbolLineage;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The methods of the gateway, as blocking calls of a {@link GatewayClient}. */
public abstract sealed class GatewayMethods permits GatewayClient {
    private final Duration requestTimeout;

    GatewayMethods(Duration requestTimeout) {
        this.requestTimeout = requestTimeout;
    }

    /** Calls any method of the gateway; see {@link GatewayClient#call}. */
    public abstract Object call(String method, Map<String, ?> params, Duration timeout);

    /** What this client has counted; see {@link GatewayClient#statistics}. */
    public abstract Statistics statistics();

    /** Calls any method of the gateway with the default deadline; as {@link #call}. */
    public Object call(String method, Map<String, ?> params) {
        return call(method, params, requestTimeout);
    }

    /** Reads last values by request; errors as in {@link #call}. */
    public List<Message> snapshot(List<String> topics) {
        topics.forEach(Topics::checkTopic);
        List<Message> found = new ArrayList<>();
        for (List<String> part : Topics.chunks(topics)) {
            found.addAll(Results.snapshotsOf(call("snapshot", Map.of("topics", part))));
        }
        return found;
    }

    /** Fetches lost events again, first to last included; errors as in {@link #call}. */
    public Results.Replay replay(String topic, long first, long last, long epoch) {
        return Results.replayOf(topic, call("replay", Map.of("topic", topic,
                "from_sequence", first, "to_sequence", last, "epoch", epoch)));
    }

    /** Asks whether all is well; that the gateway cannot be asked is an answer too. */
    public HealthStatus getHealthStatus() {
        try {
            Object result = call("health", Map.of());
            return Results.healthOf(result, localIssues());
        } catch (RequestError | NotConnected error) {
            return Results.healthWithout(error);
        }
    }

    /** What this client sees for itself, in the form of the gateway's issues. */
    abstract List<Map<String, Object>> localIssues();

    /** Figures of clients, connections, topics and the process; errors as in {@link #call}. */
    public Map<String, Object> getMetrics() {
        return Results.mapOf(call("metrics", Map.of()));
    }

    /** Everything an operator needs; this client adds itself as {@code consumer}. */
    public Map<String, Object> getDiagnosticInfo() {
        Map<String, Object> diagnostics = Results.mapOf(call("diagnostics", Map.of()));
        Statistics statistics = statistics();
        Map<String, Object> consumer = new LinkedHashMap<>();
        for (RecordComponent counter : Statistics.class.getRecordComponents()) {
            try {
                consumer.put(counter.getName(), counter.getAccessor().invoke(statistics));
            } catch (ReflectiveOperationException error) {
                throw new IllegalStateException(error);
            }
        }
        diagnostics.put("consumer", consumer);
        return diagnostics;
    }

    /** The alerts that stand; errors as in {@link #call}. */
    public List<Map<String, Object>> getActiveAlerts() {
        return Results.rowsOf(call("alerts", Map.of()), "active", "alerts");
    }

    /** Per metric mean, max, min, p95, slope and samples; errors as in {@link #call}. */
    public Map<String, Object> getPerformanceTrends(int windowMinutes) {
        Map<String, Object> result =
                Results.mapOf(call("trends", Map.of("window_minutes", windowMinutes)));
        return Results.mapOf(result.getOrDefault("metrics", result));
    }

    /** The gateway's errors, oldest first, at most {@code limit}; errors as in {@link #call}. */
    public List<Map<String, Object>> getErrorHistory(int limit) {
        return Results.errorsOf(call("errors", Map.of("limit", limit)));
    }

    /**
     * Who is connected and what is held, of one client or of all (null); errors as in
     * {@link #call}.
     */
    public Map<String, Object> getSubscriptions(String client) {
        Map<String, String> params = client == null ? Map.of() : Map.of("client", client);
        return Results.mapOf(call("subscriptions", params));
    }

    /**
     * Cuts the data connections of a peer or a client; they may come back at once.
     *
     * @return Connections cut; errors as in {@link #call}.
     */
    public long evict(String peer, String reason) {
        Map<String, Object> result =
                Results.mapOf(call("admin.evict", Map.of("peer", peer, "reason", reason)));
        if (!(result.get("evicted") instanceof Long count)) {
            throw new GatewayClientException.DecodeError(
                    "result lacks a number", "name", "evicted");
        }
        return count;
    }

    /**
     * Asks why a symbol is in its state, in plain words; errors as in {@link #call}.
     *
     * @throws SecurityValidation Not a symbol; nothing was sent.
     */
    public SymbolLineage why(String symbol) {
        return Results.lineageOf(call("why", Map.of("symbol", Topics.checkSymbol(symbol))));
    }

    /**
     * Lets the gateway ask the vendor for fresh values of a topic's symbol, within a budget.
     *
     * @return True: the vendor was asked, and the values come on the topic.
     */
    public boolean resync(String topic) {
        Object result = call("resync", Map.of("topic", Topics.checkTopic(topic)));
        return Boolean.TRUE.equals(Results.mapOf(result).get("requested"));
    }
}
