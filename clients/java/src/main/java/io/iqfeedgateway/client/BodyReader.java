package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads one msgpack value from outside: types, bounds, finiteness, nesting. For one thread. */
final class BodyReader {
    private static final int HEADER_ITEMS = 6;
    private static final int BODY_LEVEL = 1;
    /** Room made on a count's word alone. */
    private static final int CAPACITY_MAX = 1_024;
    private static final BigInteger UNSIGNED = BigInteger.ONE.shiftLeft(Long.SIZE);
    private static final long UINT_MAX = Contract.INTEGER_MAX.get(ItemType.UINT);
    private static final Layout DEPTH = Codec.layoutOf(Contract.MessageType.DEPTH);
    private static final Layout ORDER = Codec.layoutOf(Contract.MessageType.ORDER);

    long type;
    long epoch;
    long sequence;
    long flags;
    long recvUs;
    Long eventUs;

    private final Unpacker in;
    private final int levelsMax;
    private int itemCount;

    BodyReader(byte[] bytes, int offset) {
        this(bytes, offset, Contract.NESTING_LEVELS_MAX);
    }

    BodyReader(byte[] bytes, int offset, int levelsMax) {
        this.levelsMax = levelsMax;
        this.in = new Unpacker(bytes, offset);
    }

    /** Reads the first six items. */
    void readHeader() {
        itemCount = in.arrayHeader();
        if (itemCount < HEADER_ITEMS) {
            throw in.refused("header is too short");
        }
        type = uint();
        epoch = uint();
        sequence = uint();
        flags = uint();
        recvUs = uint();
        eventUs = in.tryNil() ? null : (Long) uint();
    }

    /** Passes over the rest of the body of a message nobody knows. */
    void skipRest() {
        for (int i = HEADER_ITEMS; i < itemCount; i++) {
            in.skip();
        }
        in.end();
    }

    /** Reads the items behind the header and makes the message. */
    Message readBody(Layout layout, String kind, String symbol, long flagsAdd, long mergedAdd) {
        List<Layout.Item> items = layout.items();
        Object[] body = items(items, itemCount - HEADER_ITEMS, kind, BODY_LEVEL);
        in.end();
        boolean isEmpty = (flags & Contract.Flag.SNAPSHOT) != 0 && isAllNull(body);
        for (int i = 0; i < body.length; i++) {
            Layout.Item item = items.get(i);
            if (body[i] == null && !item.isNilable() && !isEmpty) {
                throw new DecodeError("mandatory item is missing",
                        "message", layout.name(), "item", item.name());
            }
            if (mergedAdd != 0 && item.name().equals("merged")) {
                body[i] = (body[i] == null ? 1 : (Long) body[i]) + mergedAdd;
            }
        }
        return layout.factory().make(kind, symbol, layout.type(), epoch, sequence,
                flags | flagsAdd, recvUs, eventUs, body);
    }

    /** Reads the one value there is, of any type of the contract. */
    Object readValue() {
        Object value = value(BODY_LEVEL);
        in.end();
        return value;
    }

    private static boolean isAllNull(Object[] body) {
        for (Object item : body) {
            if (item != null) {
                return false;
            }
        }
        return true;
    }

    /** Reads `count` items, as far as they are known; what is appended is checked and dropped. */
    private Object[] items(List<Layout.Item> items, int count, String kind, int level) {
        Object[] found = new Object[items.size()];
        for (int i = 0; i < count; i++) {
            if (i >= found.length) {
                value(level + 1);
            } else if (!in.tryNil()) {
                found[i] = item(items.get(i).type(), kind, level + 1);
            }
        }
        return found;
    }

    private Object item(ItemType type, String kind, int level) {
        switch (type) {
            case PRICE:
                return in.finite();
            case TEXT:
                return text();
            case BOOLEAN:
                return in.bool();
            case ID:
                return id();
            case COUNT:
                return count();
            case UINT:
            case TIME_US:
                return uint();
            case TEXTS:
                return texts();
            case LEVELS:
                return levels(kind, level);
            case ROWS:
                return rows(kind, level);
            default:
                return map(level);
        }
    }

    private long count() {
        return in.unsigned(Long.MAX_VALUE);
    }

    private long uint() {
        return in.unsigned(UINT_MAX);
    }

    /** An unsigned integer of 64 bits, in a long of the same bits. */
    private long id() {
        long value = in.integer();
        if (value < 0 && !in.isHuge()) {
            throw in.refused("integer out of range");
        }
        return value;
    }

    private String text() {
        String value = in.string();
        if (value.isEmpty()) {
            throw in.refused("text is empty");
        }
        return value;
    }

    private List<String> texts() {
        int count = in.arrayHeader();
        List<String> found = new ArrayList<>(Math.min(count, CAPACITY_MAX));
        for (int i = 0; i < count; i++) {
            found.add(text());
        }
        return Collections.unmodifiableList(found);
    }

    private List<Message.PriceLevel> levels(String kind, int level) {
        int count = in.arrayHeader();
        List<Message.PriceLevel> found = new ArrayList<>(Math.min(count, CAPACITY_MAX));
        for (int i = 0; i < count; i++) {
            int items = in.arrayHeader();
            if (items < 2) {
                throw in.refused("a level without price or size");
            }
            double price = in.finite();
            long size = count();
            Long orders = items < 3 || in.tryNil() ? null : (Long) count();
            for (int extra = 3; extra < items; extra++) {
                value(level + 2);
            }
            found.add(new Message.PriceLevel(price, size, orders));
        }
        return Collections.unmodifiableList(found);
    }

    private List<Message.Row> rows(String kind, int level) {
        boolean isOrder = Topics.splitPrivate(kind).equals(ORDER.name());
        List<Layout.Item> items = (isOrder ? ORDER : DEPTH).items();
        int count = in.arrayHeader();
        List<Message.Row> found = new ArrayList<>(Math.min(count, CAPACITY_MAX));
        for (int i = 0; i < count; i++) {
            Object[] row = items(items, in.arrayHeader(), kind, level + 1);
            for (int index = 0; index < row.length; index++) {
                if (row[index] == null && !items.get(index).isNilable()) {
                    throw new DecodeError("mandatory item is missing", "item",
                            items.get(index).name());
                }
            }
            found.add(isOrder
                    ? new Message.OrderRow((String) row[0], (String) row[1], (Long) row[2],
                            (String) row[3], (Double) row[4], (Long) row[5], (Long) row[6],
                            (Long) row[7])
                    : new Message.DepthRow((String) row[0], (String) row[1], (Double) row[2],
                            (Long) row[3], (Long) row[4], (Long) row[5]));
        }
        return Collections.unmodifiableList(found);
    }

    private Map<String, Object> map(int level) {
        if (level > levelsMax) {
            throw new DecodeError("nested too deep", "levels_max", levelsMax);
        }
        int count = in.mapHeader();
        Map<String, Object> found = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            String key = in.string();
            found.put(key, value(level + 1));
        }
        return Collections.unmodifiableMap(found);
    }

    /** A value of any type of the contract, which stands at a level of nesting. */
    private Object value(int level) {
        switch (in.type()) {
            case NIL:
                in.tryNil();
                return null;
            case BOOLEAN:
                return in.bool();
            case INTEGER:
                return integer();
            case FLOAT:
                return in.finite();
            case STRING:
                return in.string();
            case ARRAY:
                return array(level);
            case MAP:
                return map(level);
            default:
                throw new DecodeError("value has no type of the contract");
        }
    }

    /** A Long, or a BigInteger beyond its range. */
    private Object integer() {
        long value = in.integer();
        return in.isHuge() ? (Object) BigInteger.valueOf(value).add(UNSIGNED) : value;
    }

    private List<Object> array(int level) {
        if (level > levelsMax) {
            throw new DecodeError("nested too deep", "levels_max", levelsMax);
        }
        int count = in.arrayHeader();
        List<Object> found = new ArrayList<>(Math.min(count, CAPACITY_MAX));
        for (int i = 0; i < count; i++) {
            found.add(value(level + 1));
        }
        return Collections.unmodifiableList(found);
    }
}
