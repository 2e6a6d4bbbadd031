package io.iqfeedgateway.client.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.iqfeedgateway.client.BookMirror;
import io.iqfeedgateway.client.CurveKeys;
import io.iqfeedgateway.client.GatewayClient;
import io.iqfeedgateway.client.GatewayClientException;
import io.iqfeedgateway.client.Message;
import io.iqfeedgateway.client.Options;
import io.iqfeedgateway.client.Results.SymbolResult;
import io.iqfeedgateway.client.Statistics;
import io.iqfeedgateway.client.StreamItem;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** Carries out commands against a gateway, one after another. */
final class Live {
    private static final Duration QUIET = Duration.ofMillis(300);

    private final Ledger ledger = new Ledger();
    private final Map<String, BookMirror> mirrors = new LinkedHashMap<>();
    private GatewayClient client = new GatewayClient();

    static void run(BufferedReader in, PrintStream out) throws IOException, InterruptedException {
        Live live = new Live();
        try {
            String line;
            boolean isOpen = true;
            while (isOpen && (line = in.readLine()) != null) {
                JsonObject asked = JsonParser.parseString(line).getAsJsonObject();
                Map<String, Object> answer = new LinkedHashMap<>();
                answer.put("id", asked.get("id"));
                try {
                    answer.putAll(live.carryOut(asked));
                } catch (GatewayClientException error) {
                    System.err.println(error + " " + error.hint());
                    answer.put("error", error.code());
                }
                isOpen = !asked.get("do").getAsString().equals("close");
                Conformance.answer(out, answer);
            }
        } finally {
            live.client.disconnect();
        }
    }

    private Map<String, Object> carryOut(JsonObject asked) throws InterruptedException {
        switch (asked.get("do").getAsString()) {
            case "connect":
                return connect(asked);
            case "subscribe":
                return subscribe(asked);
            case "unsubscribe":
                client.unsubscribeSymbols(texts(asked, "symbols"), array(asked, "kinds"));
                return Map.of();
            case "topics":
                client.subscribeTopics(texts(asked, "topics"));
                return Map.of();
            case "next":
                return next(asked);
            case "ledger":
                return ledger.tell(asked.get("topic").getAsString());
            case "snapshot":
                return snapshot(asked);
            case "request":
                return request(asked);
            case "health":
                return Map.of("level", client.getHealthStatus().level());
            case "book":
                BookMirror made = new BookMirror(
                        asked.get("kind").getAsString(), asked.get("symbol").getAsString());
                mirrors.put(made.topic(), made);
                return Map.of();
            case "mirror":
                return mirror(asked);
            case "pause":
                Thread.sleep(millis(asked, "seconds"));
                return Map.of();
            case "drain":
                return drain(asked);
            case "statistics":
                return statistics(asked);
            case "close":
                client.disconnect();
                return Map.of();
            default:
                throw new IllegalArgumentException("no such command: " + asked);
        }
    }

    private static long millis(JsonObject asked, String name) {
        return Math.round(asked.get(name).getAsDouble() * 1_000);
    }

    private static List<String> texts(JsonObject asked, String name) {
        List<String> found = new ArrayList<>();
        if (asked.has(name) && !asked.get(name).isJsonNull()) {
            asked.getAsJsonArray(name).forEach(text -> found.add(text.getAsString()));
        }
        return found;
    }

    private static String[] array(JsonObject asked, String name) {
        return texts(asked, name).toArray(new String[0]);
    }

    private Map<String, Object> connect(JsonObject asked) {
        Options.Builder options = Options.builder()
                .dataEndpoint(asked.get("data").getAsString())
                .controlEndpoint(asked.get("control").getAsString());
        if (asked.has("client_name")) {
            options.clientName(asked.get("client_name").getAsString());
        }
        if (asked.has("keys") && !asked.get("keys").isJsonNull()) {
            options.curve(CurveKeys.load(Path.of(asked.get("keys").getAsString())));
        }
        JsonObject others = asked.has("options") && asked.get("options").isJsonObject()
                ? asked.getAsJsonObject("options") : new JsonObject();
        for (String name : others.keySet()) {
            JsonElement value = others.get(name);
            switch (name) {
                case "queue_capacity" -> options.queueCapacity(value.getAsInt());
                case "conflate_above" -> options.conflateAbove(value.getAsInt());
                case "heartbeat_silence_s" ->
                        options.heartbeatSilence(Duration.ofMillis(millis(others, name)));
                case "lease_s" -> options.leaseS(value.getAsInt());
                case "request_timeout_s" ->
                        options.requestTimeout(Duration.ofMillis(millis(others, name)));
                case "connect_timeout_s" ->
                        options.connectTimeout(Duration.ofMillis(millis(others, name)));
                case "rcvhwm" -> options.receiveFramesMax(value.getAsInt());
                default -> throw new IllegalArgumentException("no such option: " + name);
            }
        }
        client.disconnect();
        client = new GatewayClient(options.build());
        boolean isConnected = client.connect();
        if (!isConnected) {
            System.err.println(client.lastError() + " " + client.lastError().hint());
        }
        return Map.of("connected", isConnected);
    }

    private Map<String, Object> subscribe(JsonObject asked) {
        Map<String, SymbolResult> results =
                client.subscribeSymbols(texts(asked, "symbols"), array(asked, "kinds"));
        TreeSet<String> accepted = new TreeSet<>();
        List<Map<String, Object>> rejected = new ArrayList<>();
        new TreeMap<>(results).values().forEach(result -> {
            result.topics().forEach(topic -> accepted.add(topic.topic()));
            if (!result.isAccepted()) {
                rejected.add(Map.of("symbol", result.symbol(), "code", result.code()));
            }
        });
        return Map.of("accepted", accepted, "rejected", rejected);
    }

    // The stream.

    /** Takes one item and shows it to the ledger and the mirrors; null when none came. */
    private StreamItem take(Duration timeout) throws InterruptedException {
        StreamItem item = client.nextMessage(timeout);
        if (item != null) {
            ledger.note(item);
            for (BookMirror mirror : mirrors.values()) {
                try {
                    mirror.apply(item);
                } catch (GatewayClientException.SequenceGap error) {
                    System.err.println(error); // The mirror says so: it is not current.
                }
            }
        }
        return item;
    }

    private Map<String, Object> next(JsonObject asked) throws InterruptedException {
        long deadline = System.nanoTime() + millis(asked, "timeout_s") * 1_000_000;
        JsonObject where = asked.has("where") ? asked.getAsJsonObject("where") : new JsonObject();
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("item", null);
        while (true) {
            StreamItem item = take(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
            if (item == null) {
                return answer;
            }
            Map<String, Object> spelled = Spelling.item(item);
            if (Fields.matches(spelled, where)) {
                answer.put("item", Fields.chosen(spelled, texts(asked, "fields")));
                return answer;
            }
        }
    }

    private Map<String, Object> drain(JsonObject asked) throws InterruptedException {
        long deadline = System.nanoTime() + millis(asked, "timeout_s") * 1_000_000;
        while (System.nanoTime() < deadline && take(QUIET) != null) {
            // Everything was noted.
        }
        return Map.of();
    }

    // Requests.

    private Map<String, Object> snapshot(JsonObject asked) {
        List<Object> items = new ArrayList<>();
        for (Message message : client.snapshot(texts(asked, "topics"))) {
            items.add(Fields.chosen(Spelling.item(message), texts(asked, "fields")));
        }
        return Map.of("items", items);
    }

    private Map<String, Object> request(JsonObject asked) {
        Map<String, Object> params = new LinkedHashMap<>();
        if (asked.has("params")) {
            asked.getAsJsonObject("params").asMap()
                    .forEach((name, value) -> params.put(name, Fields.plain(value)));
        }
        Object result = client.call(asked.get("method").getAsString(), params);
        Object spelled = Spelling.value("", result);
        return Map.of("result", Fields.chosen(spelled, texts(asked, "fields")));
    }

    private Map<String, Object> mirror(JsonObject asked) {
        String topic =
                asked.get("kind").getAsString() + "," + asked.get("symbol").getAsString() + ",";
        int levels = asked.has("levels") ? asked.get("levels").getAsInt() : Integer.MAX_VALUE;
        BookMirror mirror = mirrors.get(topic);
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("is_current", mirror.isCurrent());
        answer.put("is_known", mirror.isKnown());
        answer.put("is_stale", mirror.isStale());
        answer.put("bids", levels(mirror.bids(), levels));
        answer.put("asks", levels(mirror.asks(), levels));
        return answer;
    }

    private static Object levels(List<Message.PriceLevel> side, int count) {
        return Spelling.value("", side.subList(0, Math.min(count, side.size())));
    }

    private Map<String, Object> statistics(JsonObject asked) {
        Statistics statistics = client.statistics();
        Map<String, Object> counters = new LinkedHashMap<>();
        for (RecordComponent counter : Statistics.class.getRecordComponents()) {
            try {
                counters.put(Spelling.snake(counter.getName()),
                        Spelling.value("", counter.getAccessor().invoke(statistics)));
            } catch (ReflectiveOperationException error) {
                throw new IllegalStateException(error);
            }
        }
        return Fields.chosen(counters, texts(asked, "fields"));
    }
}
