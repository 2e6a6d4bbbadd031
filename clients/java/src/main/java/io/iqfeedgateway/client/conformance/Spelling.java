package io.iqfeedgateway.client.conformance;

import io.iqfeedgateway.client.Event;
import io.iqfeedgateway.client.Message;
import io.iqfeedgateway.client.StreamItem;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Spells items as the vectors do: contract names, integers as decimal strings. */
final class Spelling {
    /** Unsigned numbers of 64 bits, which Java's long holds as signed ones. */
    private static final Set<String> IDS = Set.of("order_id", "trade_id", "priority");

    private Spelling() {
    }

    /** The message with every field under its contract name. */
    static Map<String, Object> message(Message message) {
        return fields((Record) message);
    }

    /** An item of the stream as a map, with its name under {@code item}. */
    static Map<String, Object> item(StreamItem item) {
        Map<String, Object> map = new LinkedHashMap<>();
        String name = snake(item.getClass().getSimpleName());
        map.put("item", name.equals("client_notice") ? "client" : name);
        map.putAll(fields((Record) item));
        if (item instanceof Message message) {
            map.put("topic", message.kind() + "," + message.symbol() + ",");
        } else if (item instanceof Event.Gap) {
            map.put("is_final", ((Event.Gap) item).isFinal());
        }
        return map;
    }

    private static Map<String, Object> fields(Record record) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            String name = snake(component.getName());
            map.put(name, value(name, get(record, component)));
        }
        return map;
    }

    private static Object get(Record record, RecordComponent component) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    /** A value as the vectors spell it. */
    static Object value(String name, Object value) {
        if (value instanceof Long number) {
            return IDS.contains(name) ? Long.toUnsignedString(number) : number.toString();
        }
        if (value instanceof Double || value instanceof Boolean || value == null) {
            return value;
        }
        if (value instanceof Record record) {
            List<Object> items = new ArrayList<>(fields(record).values());
            return items;
        }
        if (value instanceof List<?> list) {
            List<Object> items = new ArrayList<>();
            list.forEach(item -> items.add(value("", item)));
            return items;
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> spelled = new LinkedHashMap<>();
            map.forEach((key, item) -> spelled.put((String) key, value("", item)));
            return spelled;
        }
        return value.toString();
    }

    /** Spells a name of Java as the contract does. */
    static String snake(String name) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (Character.isUpperCase(c)) {
                out.append(i == 0 ? "" : "_").append(Character.toLowerCase(c));
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }
}
