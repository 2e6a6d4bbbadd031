package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the client answers: typed, immutable, and lenient about what a gateway leaves out. */
public final class Results {
    private Results() {
    }

    /**
     * One topic of a subscription.
     *
     * @param topic The topic, for example {@code quote,AAPL,}.
     * @param state One of {@link Contract.SymbolState}.
     * @param sequence Sequence of the last message published on it; null when not said.
     */
    public record TopicState(String topic, String state, Long sequence) {
    }

    /**
     * What became of one symbol of a subscription.
     *
     * @param symbol The symbol, verbatim.
     * @param topics Its topics; empty when rejected.
     * @param code Why it was rejected, for example {@code symbol_limit}; null when accepted.
     * @param hint What to do about a rejection; null when accepted.
     */
    public record SymbolResult(String symbol, List<TopicState> topics, String code, String hint) {
        /** Whether messages will come. */
        public boolean isAccepted() {
            return code == null;
        }
    }

    /**
     * Whether the gateway, and this client's way to it, are well.
     *
     * @param level {@code healthy}, {@code warning} or {@code critical}.
     * @param isHealthy Whether the level is {@code healthy}.
     * @param issues Maps with code, level, message, since_us and hint.
     * @param errorMessage The gravest issue in plain words; null when there is none.
     * @param live Whether the gateway's process works.
     * @param ready Whether it can serve data.
     * @param upstream Upstream port to the state of its connection.
     */
    public record HealthStatus(
            String level,
            boolean isHealthy,
            List<Map<String, Object>> issues,
            String errorMessage,
            boolean live,
            boolean ready,
            Map<String, Object> upstream) {
    }

    /**
     * Why a symbol is in its state.
     *
     * @param symbol The symbol, verbatim.
     * @param state One of {@link Contract.SymbolState}.
     * @param cause Why; null when nothing is wrong.
     * @param lines Demand, watch, last line, link, cause and last messages, one sentence each.
     */
    public record SymbolLineage(String symbol, String state, String cause, List<String> lines) {
        @Override
        public String toString() {
            return String.join("\n", lines);
        }
    }

    /**
     * Lost events, fetched again.
     *
     * @param messages Oldest first.
     * @param isComplete Whether none is missing.
     */
    public record Replay(List<Message> messages, boolean isComplete) {
    }

    /** Takes a result that must be a map. */
    static Map<String, Object> mapOf(Object result) {
        if (!(result instanceof Map<?, ?> map)) {
            throw new DecodeError("result is not a map", "result", result);
        }
        Map<String, Object> fields = new LinkedHashMap<>();
        map.forEach((key, value) -> fields.put(String.valueOf(key), value));
        return fields;
    }

    /** Takes the list of maps out of a result: the result itself, or the first name it has. */
    static List<Map<String, Object>> rowsOf(Object result, String... names) {
        Object rows = result;
        if (result instanceof Map<?, ?> fields) {
            rows = List.of();
            for (int i = names.length - 1; i >= 0; i--) {
                rows = fields.containsKey(names[i]) ? fields.get(names[i]) : rows;
            }
        }
        if (!(rows instanceof List<?> list)) {
            throw new DecodeError("result is not a list", "result", result);
        }
        List<Map<String, Object>> found = new ArrayList<>();
        list.stream().filter(row -> row instanceof Map<?, ?>).forEach(row -> found.add(mapOf(row)));
        return found;
    }

    /** Reads the gateway's verdict and adds what this client sees for itself. */
    static HealthStatus healthOf(Object result, List<Map<String, Object>> localIssues) {
        Map<String, Object> fields = mapOf(result);
        List<Map<String, Object>> issues = new ArrayList<>(localIssues);
        issues.addAll(rowsOf(fields, "issues"));
        String level = fields.get("level") instanceof String text ? text : "critical";
        Object message = fields.get("error_message");
        if (!localIssues.isEmpty()) {
            level = "critical";
            message = localIssues.get(0).get("message");
        }
        return new HealthStatus(level, level.equals("healthy"), issues,
                message instanceof String text ? text : null,
                Boolean.TRUE.equals(fields.get("live")), Boolean.TRUE.equals(fields.get("ready")),
                fields.get("upstream") instanceof Map<?, ?> map ? mapOf(map) : Map.of());
    }

    /** Says that the gateway could not be asked: that is an answer too. */
    static HealthStatus healthWithout(GatewayClientException error) {
        Map<String, Object> issue = issue(error.code(), error.getMessage(), error.hint());
        return new HealthStatus("critical", false, List.of(issue), error.getMessage(), false,
                false, Map.of());
    }

    static Map<String, Object> issue(String code, String message, String hint) {
        Map<String, Object> issue = new LinkedHashMap<>();
        issue.put("code", code);
        issue.put("level", "critical");
        issue.put("message", message);
        issue.put("since_us", null);
        issue.put("hint", hint);
        return issue;
    }

    /** Reads what `subscribe` answered: what became of each symbol, in the order asked. */
    static Map<String, SymbolResult> subscribedOf(
            Map<String, Object> fields, List<String> symbols) {
        Map<String, List<TopicState>> topics = new HashMap<>();
        for (Map<String, Object> row : rowsOf(fields, "topics")) {
            if (row.get("topic") instanceof String topic && topic.split(",", -1).length == 3) {
                String state = row.get("state") instanceof String text ? text : "pending";
                Long sequence = row.get("sequence") instanceof Long number ? number : null;
                topics.computeIfAbsent(topic.split(",")[1], symbol -> new ArrayList<>())
                        .add(new TopicState(topic, state, sequence));
            }
        }
        Map<Object, Map<String, Object>> refused = new HashMap<>();
        rowsOf(fields, "rejected").forEach(row -> refused.put(row.get("symbol"), row));
        Map<String, SymbolResult> results = new LinkedHashMap<>();
        for (String symbol : symbols) {
            Map<String, Object> refusal = refused.get(symbol);
            List<TopicState> held = topics.getOrDefault(symbol, List.of());
            results.put(symbol, refusal == null || !held.isEmpty()
                    ? new SymbolResult(symbol, List.copyOf(held), null, null)
                    : new SymbolResult(symbol, List.of(), String.valueOf(refusal.get("code")),
                            String.valueOf(refusal.get("hint"))));
        }
        return results;
    }

    /** Reads what `errors` answered, oldest first. */
    static List<Map<String, Object>> errorsOf(Object result) {
        List<Map<String, Object>> rows = rowsOf(result, "errors");
        rows.sort(Comparator.comparingLong(row -> row.get("at_us") instanceof Long at ? at : 0));
        return rows;
    }

    static SymbolLineage lineageOf(Object result) {
        Map<String, Object> fields = mapOf(result);
        List<String> lines = new ArrayList<>();
        if (fields.get("lines") instanceof List<?> list) {
            list.forEach(line -> lines.add(String.valueOf(line)));
        }
        return new SymbolLineage(String.valueOf(fields.get("symbol")),
                String.valueOf(fields.get("state")),
                fields.get("cause") instanceof String cause ? cause : null, List.copyOf(lines));
    }

    /** Reads a message out of a reply. */
    static Message messageOf(String topic, Object body) {
        Route route = new Route(topic);
        return Codec.readBody(route.kind, route.symbol, RpcCodec.pack(body), 0, 0, 0);
    }

    static List<Message> snapshotsOf(Object result) {
        List<Message> found = new ArrayList<>();
        for (Map<String, Object> row : rowsOf(result, "snapshots")) {
            if (!(row.get("topic") instanceof String topic) || topic.split(",", -1).length != 3) {
                throw new DecodeError("snapshot without a topic", "row", row);
            }
            found.add(messageOf(topic, row.get("body")));
        }
        return found;
    }

    static Replay replayOf(String topic, Object result) {
        Map<String, Object> fields = mapOf(result);
        if (!(fields.get("bodies") instanceof List<?> bodies)) {
            throw new DecodeError("replay without bodies", "topic", topic);
        }
        List<Message> messages = new ArrayList<>();
        bodies.forEach(body -> messages.add(messageOf(topic, body)));
        return new Replay(messages, Boolean.TRUE.equals(fields.get("complete")));
    }
}
