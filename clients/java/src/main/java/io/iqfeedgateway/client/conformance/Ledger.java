package io.iqfeedgateway.client.conformance;

import io.iqfeedgateway.client.Event;
import io.iqfeedgateway.client.Message;
import io.iqfeedgateway.client.StreamItem;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** What became of each event of a topic, by the items the stream brought. */
final class Ledger {
    private static final class Run {
        final TreeMap<Long, Integer> delivered = new TreeMap<>();
        final List<Event.Gap> named = new ArrayList<>();
    }

    private final Map<String, Map<Long, Run>> topics = new LinkedHashMap<>();

    void note(StreamItem item) {
        if (item instanceof Event.Gap gap && gap.isFinal()) {
            run(gap.topic(), gap.epoch()).named.add(gap);
        } else if (item instanceof Message.Trade || item instanceof Message.Correction
                || item instanceof Message.News) {
            Message message = (Message) item;
            String topic = message.kind() + "," + message.symbol() + ",";
            run(topic, message.epoch()).delivered.merge(message.sequence(), 1, Integer::sum);
        }
    }

    private Run run(String topic, long epoch) {
        return topics.computeIfAbsent(topic, name -> new LinkedHashMap<>())
                .computeIfAbsent(epoch, name -> new Run());
    }

    Map<String, Object> tell(String topic) {
        long delivered = 0;
        long repeated = 0;
        long lost = 0;
        long holes = 0;
        for (Run run : topics.getOrDefault(topic, Map.of()).values()) {
            delivered += run.delivered.size();
            repeated += run.delivered.values().stream().filter(times -> times > 1).count();
            for (Event.Gap gap : run.named) {
                lost += gap.lastMissing() - gap.firstMissing() + 1;
            }
            holes += holes(run);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("delivered", Long.toString(delivered));
        answer.put("repeated", Long.toString(repeated));
        answer.put("lost", Long.toString(lost));
        answer.put("holes", Long.toString(holes));
        return answer;
    }

    private static long holes(Run run) {
        if (run.delivered.isEmpty()) {
            return 0;
        }
        long first = run.delivered.firstKey();
        TreeSet<Long> known = new TreeSet<>(run.delivered.keySet());
        for (Event.Gap gap : run.named) {
            for (long at = Math.max(first, gap.firstMissing()); at <= gap.lastMissing(); at++) {
                known.add(at);
            }
        }
        return known.last() - first + 1 - known.size();
    }
}
