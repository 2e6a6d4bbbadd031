package io.iqfeedgateway.client.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Looks into spelled items, and compares them with what a command asks for. */
final class Fields {
    private Fields() {
    }

    /** A field by its dotted name; null when it is not there. */
    static Object get(Object spelled, String name) {
        Object found = spelled;
        for (String part : name.split("\\.")) {
            found = found instanceof Map<?, ?> map ? map.get(part) : null;
        }
        return found;
    }

    /** The named fields only. */
    static Map<String, Object> chosen(Object spelled, List<String> names) {
        Map<String, Object> found = new LinkedHashMap<>();
        names.forEach(name -> found.put(name, get(spelled, name)));
        return found;
    }

    /** Whether every condition holds. */
    static boolean matches(Map<String, Object> spelled, JsonObject where) {
        for (Map.Entry<String, JsonElement> condition : where.entrySet()) {
            String name = condition.getKey();
            boolean isMet;
            if (name.equals("flags_has") || name.equals("flags_not")) {
                long bits = Long.parseLong(condition.getValue().getAsString());
                long flags = spelled.get("flags") instanceof String text ? Long.parseLong(text) : 0;
                isMet = name.equals("flags_has") ? (flags & bits) == bits : (flags & bits) == 0;
            } else {
                isMet = isEqual(get(spelled, name), condition.getValue());
            }
            if (!isMet) {
                return false;
            }
        }
        return true;
    }

    private static boolean isEqual(Object value, JsonElement wanted) {
        if (value == null || wanted.isJsonNull()) {
            return value == null && wanted.isJsonNull();
        }
        if (value instanceof Double number) {
            return wanted instanceof JsonPrimitive primitive && primitive.isNumber()
                    && number == primitive.getAsDouble();
        }
        return Conformance.GSON.toJsonTree(value).equals(wanted);
    }

    /** A value of JSON as a request takes it. */
    static Object plain(JsonElement value) {
        if (value.isJsonNull()) {
            return null;
        }
        if (value instanceof JsonArray array) {
            List<Object> items = new ArrayList<>();
            array.forEach(item -> items.add(plain(item)));
            return items;
        }
        if (value instanceof JsonObject object) {
            Map<String, Object> fields = new LinkedHashMap<>();
            object.entrySet().forEach(entry -> fields.put(entry.getKey(), plain(entry.getValue())));
            return fields;
        }
        JsonPrimitive primitive = value.getAsJsonPrimitive();
        if (primitive.isBoolean()) {
            return primitive.getAsBoolean();
        }
        if (primitive.isNumber()) {
            String text = primitive.getAsString();
            boolean isWhole = text.matches("-?[0-9]+");
            return isWhole ? (Object) new BigInteger(text) : primitive.getAsDouble();
        }
        return primitive.getAsString();
    }
}
