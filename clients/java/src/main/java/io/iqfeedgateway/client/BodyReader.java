package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.msgpack.core.MessageFormat;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessagePackException;
import org.msgpack.core.MessageUnpacker;
import org.msgpack.value.ValueType;

/** Reads one msgpack value from outside: types, bounds, finiteness, nesting. For one thread. */
final class BodyReader {
    /** Bytes in the place of text are refused. */
    private static final MessagePack.UnpackerConfig STRICT =
            new MessagePack.UnpackerConfig().withAllowReadingBinaryAsString(false);
    private static final int HEADER_ITEMS = 6;
    private static final int BODY_LEVEL = 1;
    private static final BigInteger ID_MAX = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);
    private static final long UINT_MAX = Contract.INTEGER_MAX.get(ItemType.UINT);
    private static final Layout DEPTH = Codec.layoutOf(Contract.MessageType.DEPTH);
    private static final Layout ORDER = Codec.layoutOf(Contract.MessageType.ORDER);

    long type;
    long epoch;
    long sequence;
    long flags;
    long recvUs;
    Long eventUs;

    private final byte[] bytes;
    private final int offset;
    private final int length;
    private final MessageUnpacker in;
    private final int levelsMax;
    private int itemCount;

    BodyReader(byte[] bytes, int offset) {
        this(bytes, offset, Contract.NESTING_LEVELS_MAX);
    }

    BodyReader(byte[] bytes, int offset, int levelsMax) {
        this.levelsMax = levelsMax;
        this.bytes = bytes;
        this.offset = offset;
        this.length = bytes.length - offset;
        this.in = STRICT.newUnpacker(bytes, offset, length);
    }

    /** Reads the first six items. */
    void readHeader() {
        try {
            itemCount = arrayHeader();
            if (itemCount < HEADER_ITEMS) {
                throw new DecodeError("header is too short", "frame", bytes);
            }
            type = uint();
            epoch = uint();
            sequence = uint();
            flags = uint();
            recvUs = uint();
            eventUs = isNil() ? null : (Long) uint();
        } catch (IOException | MessagePackException error) {
            throw refused(error);
        }
    }

    /** Passes over the rest of the body of a message nobody knows. */
    void skipRest() {
        try {
            for (int i = HEADER_ITEMS; i < itemCount; i++) {
                in.skipValue();
            }
            end();
        } catch (IOException | MessagePackException error) {
            throw refused(error);
        }
    }

    /** Reads the items behind the header and makes the message. */
    Message readBody(Layout layout, String kind, String symbol, long flagsAdd, long mergedAdd) {
        try {
            List<Layout.Item> items = layout.items();
            Object[] body = items(items, itemCount - HEADER_ITEMS, kind, BODY_LEVEL);
            end();
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
        } catch (IOException | MessagePackException error) {
            throw refused(error);
        }
    }

    /** Reads the one value there is, of any type of the contract. */
    Object readValue() {
        try {
            Object value = value(BODY_LEVEL);
            end();
            return value;
        } catch (IOException | MessagePackException error) {
            throw refused(error);
        }
    }

    private DecodeError refused(Exception error) {
        return new DecodeError("not msgpack of the contract",
                "bytes", bytes, "cause", error.getClass().getSimpleName());
    }

    private void end() {
        if (in.getTotalReadBytes() != length) {
            throw new DecodeError("bytes behind the body", "bytes", bytes);
        }
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
    private Object[] items(List<Layout.Item> items, int count, String kind, int level)
            throws IOException {
        Object[] found = new Object[items.size()];
        for (int i = 0; i < count; i++) {
            if (i >= found.length) {
                value(level + 1);
            } else if (!isNil()) {
                found[i] = item(items.get(i).type(), kind, level + 1);
            }
        }
        return found;
    }

    private Object item(ItemType type, String kind, int level) throws IOException {
        switch (type) {
            case PRICE:
                return price();
            case TEXT:
                return text();
            case BOOLEAN:
                return in.unpackBoolean();
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

    private ValueType nextType() throws IOException {
        return in.getNextFormat().getValueType();
    }

    /** Takes a nil, if there is one. */
    private boolean isNil() throws IOException {
        return in.tryUnpackNil();
    }

    private int arrayHeader() throws IOException {
        int count = in.unpackArrayHeader();
        // An item is a byte at least: nothing is set aside for a count that cannot be true.
        if (count < 0 || count > length - in.getTotalReadBytes()) {
            throw new DecodeError("fewer items than claimed", "bytes", bytes);
        }
        return count;
    }

    private long count() throws IOException {
        long value = in.unpackLong();
        if (value < 0) {
            throw new DecodeError("integer out of range", "item", value);
        }
        return value;
    }

    private long uint() throws IOException {
        long value = in.unpackLong();
        if (value < 0 || value > UINT_MAX) {
            throw new DecodeError("integer out of range", "item", value);
        }
        return value;
    }

    /** An unsigned integer of 64 bits, in a long of the same bits. */
    private long id() throws IOException {
        if (in.getNextFormat() != MessageFormat.UINT64) {
            return count();
        }
        BigInteger value = in.unpackBigInteger();
        if (value.signum() < 0 || value.compareTo(ID_MAX) > 0) {
            throw new DecodeError("integer out of range", "item", value);
        }
        return value.longValue();
    }

    private double price() throws IOException {
        double value = in.unpackDouble();
        if (!Double.isFinite(value)) {
            throw new DecodeError("number is not finite");
        }
        return value;
    }

    private String text() throws IOException {
        String value = string();
        if (value.isEmpty()) {
            throw new DecodeError("text is empty");
        }
        return value;
    }

    /**
     * A text, possibly empty. The library checks UTF-8 with a decoder that it makes anew for every
     * body, which costs more than all else together; nearly every text is plain ASCII.
     */
    private String string() throws IOException {
        int count = in.unpackRawStringHeader();
        int from = offset + (int) in.getTotalReadBytes();
        if (count < 0 || count > bytes.length - from) {
            throw new DecodeError("fewer bytes than claimed", "bytes", bytes);
        }
        in.readPayloadAsReference(count);
        for (int i = from; i < from + count; i++) {
            if (bytes[i] < 0) {
                return utf8(from, count);
            }
        }
        return new String(bytes, from, count, StandardCharsets.ISO_8859_1);
    }

    private String utf8(int from, int count) throws IOException {
        return StandardCharsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
                .decode(ByteBuffer.wrap(bytes, from, count)).toString();
    }

    private List<String> texts() throws IOException {
        int count = arrayHeader();
        List<String> found = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            found.add(text());
        }
        return Collections.unmodifiableList(found);
    }

    private List<Message.PriceLevel> levels(String kind, int level) throws IOException {
        int count = arrayHeader();
        List<Message.PriceLevel> found = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int items = arrayHeader();
            if (items < 2) {
                throw new DecodeError("a level without price or size", "bytes", bytes);
            }
            double price = price();
            long size = count();
            Long orders = items < 3 || isNil() ? null : (Long) count();
            for (int extra = 3; extra < items; extra++) {
                value(level + 2);
            }
            found.add(new Message.PriceLevel(price, size, orders));
        }
        return Collections.unmodifiableList(found);
    }

    private List<Message.Row> rows(String kind, int level) throws IOException {
        boolean isOrder = Topics.splitPrivate(kind).equals(ORDER.name());
        List<Layout.Item> items = (isOrder ? ORDER : DEPTH).items();
        int count = arrayHeader();
        List<Message.Row> found = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            Object[] row = items(items, arrayHeader(), kind, level + 1);
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

    private Map<String, Object> map(int level) throws IOException {
        if (level > levelsMax) {
            throw new DecodeError("nested too deep", "levels_max", levelsMax);
        }
        int count = in.unpackMapHeader();
        if (count < 0 || count > (length - in.getTotalReadBytes()) / 2) {
            throw new DecodeError("fewer items than claimed", "bytes", bytes);
        }
        Map<String, Object> found = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            String key = string();
            found.put(key, value(level + 1));
        }
        return Collections.unmodifiableMap(found);
    }

    /** A value of any type of the contract, which stands at a level of nesting. */
    private Object value(int level) throws IOException {
        switch (nextType()) {
            case NIL:
                in.unpackNil();
                return null;
            case BOOLEAN:
                return in.unpackBoolean();
            case INTEGER:
                return integer();
            case FLOAT:
                return price();
            case STRING:
                return string();
            case ARRAY:
                return array(level);
            case MAP:
                return map(level);
            default:
                throw new DecodeError("value has no type of the contract");
        }
    }

    /** A Long, or a BigInteger beyond its range. */
    private Object integer() throws IOException {
        if (in.getNextFormat() != MessageFormat.UINT64) {
            return in.unpackLong();
        }
        BigInteger value = in.unpackBigInteger();
        return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
    }

    private List<Object> array(int level) throws IOException {
        if (level > levelsMax) {
            throw new DecodeError("nested too deep", "levels_max", levelsMax);
        }
        int count = arrayHeader();
        List<Object> found = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            found.add(value(level + 1));
        }
        return Collections.unmodifiableList(found);
    }
}
