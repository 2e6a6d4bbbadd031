package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import io.iqfeedgateway.client.GatewayClientException.UnknownMessage;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Data frames to typed messages: strict about what is there, open to what is appended.
 *
 * <p>A frame is {@code kind,symbol,body} with a msgpack array for a body. Extra items at its end
 * are ignored, missing ones become null; a wrong type, NaN, infinity or a number out of range is a
 * DecodeError, and so is a kind whose type number belongs to another kind. A kind or type number
 * that this version does not know throws UnknownMessage.
 */
public final class Codec {
    private static final int DECIMAL_DIGITS = 15;
    private static final int DOUBLE_DIGITS_MAX = 17;
    private static final Map<Integer, Layout> LAYOUTS = layouts();
    private static final Map<String, Set<Integer>> TYPES_OF_KINDS = Topics.typesOfKinds();
    private static final Pattern KIND = Pattern.compile(
            "(?:~([0-9A-Za-z]{14,32})\\.)?([a-z][a-z0-9_]{0,15})"
                    + "(?:@([1-9][0-9]{0,4}(?:x[1-9][0-9]{0,2})?))?");

    private Codec() {
    }

    private static Map<Integer, Layout> layouts() {
        Map<Integer, Layout> found = new HashMap<>();
        Contract.LAYOUTS.forEach(layout -> found.put(layout.type(), layout));
        return found;
    }

    /** How a message number is laid out; null when this version does not know it. */
    static Layout layoutOf(long type) {
        return type > Integer.MAX_VALUE ? null : LAYOUTS.get((int) type);
    }

    /** Number of a kind without variant, or of a `sys` message by its name; 0 for none. */
    static int typeOf(String name) {
        Set<Integer> types = TYPES_OF_KINDS.get(name);
        return types == null ? 0 : types.iterator().next();
    }

    /** Whether a public topic of a kind (or a `sys` topic by its name) carries a number. */
    static boolean isCarried(String name, int type) {
        Set<Integer> types = TYPES_OF_KINDS.get(name);
        return types != null && types.contains(type);
    }

    /**
     * Turns a price into the exact decimal number that the vendor sent.
     *
     * @param price A price from a message; finite.
     * @return The shortest decimal that reads back as the same double: the vendor's text without
     *     trailing zeros.
     * @throws DecodeError NaN or infinity, which no message holds.
     */
    public static BigDecimal toDecimal(double price) {
        if (!Double.isFinite(price)) {
            throw new DecodeError("price is not finite", "price", price);
        }
        // Not by Double.toString: before Java 19 it is not always the shortest.
        BigDecimal exact = new BigDecimal(price);
        for (int digits = DECIMAL_DIGITS; digits < DOUBLE_DIGITS_MAX; digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits));
            if (rounded.doubleValue() == price) {
                return plain(rounded);
            }
        }
        return plain(exact.round(new MathContext(DOUBLE_DIGITS_MAX)));
    }

    private static BigDecimal plain(BigDecimal value) {
        BigDecimal stripped = value.stripTrailingZeros();
        return stripped.scale() < 0 ? stripped.setScale(0) : stripped;
    }

    /**
     * Decodes one frame.
     *
     * @param frame The frame as it came; not changed and not kept.
     * @return The message; its kind and symbol are the frame's, nonce and variant included.
     * @throws DecodeError Not a frame of the contract, or a kind with another kind's type number.
     * @throws UnknownMessage A kind or type number that this version does not know.
     */
    public static Message decodeFrame(byte[] frame) {
        if (frame.length > Contract.FRAME_BYTES_MAX) {
            throw new DecodeError("frame is too long", "bytes", frame.length);
        }
        int end = topicEnd(frame);
        if (end < 0) {
            throw new DecodeError("frame does not begin with a topic", "frame", frame);
        }
        String topic = new String(frame, 0, end, StandardCharsets.ISO_8859_1);
        int comma = topic.indexOf(',');
        String kind = topic.substring(0, comma);
        String symbol = topic.substring(comma + 1, end - 1);
        String base = kind;
        boolean isPrivate = false;
        if (!TYPES_OF_KINDS.containsKey(kind)) {
            Matcher match = KIND.matcher(kind);
            if (!match.matches()) {
                throw new DecodeError("topic is malformed", "topic", topic);
            }
            isPrivate = match.group(1) != null;
            base = match.group(2);
            check(topic, base, symbol, match.group(3));
        } else {
            check(topic, base, symbol, null);
        }
        BodyReader reader = new BodyReader(frame, end);
        reader.readHeader();
        Layout layout = layoutOf(reader.type);
        if (layout == null) {
            reader.skipRest();
            throw new UnknownMessage("unknown type number", "type", reader.type, "topic", topic);
        }
        String name = base.equals("sys") ? symbol : base;
        if (!isCarried(name, layout.type())
                && !(isPrivate && layout.type() == Contract.MessageType.STATE)) {
            throw new DecodeError("kind and type number do not match",
                    "topic", topic, "type", reader.type);
        }
        return reader.readBody(layout, kind, symbol, 0, 0);
    }

    private static void check(String topic, String base, String symbol, String variant) {
        if (!isSymbol(symbol)) {
            throw new DecodeError("topic is malformed", "topic", topic);
        }
        boolean isSys = base.equals("sys");
        if (isSys ? !isSysName(symbol) : isSysName(base) || !isKind(base)) {
            throw new UnknownMessage("unknown kind", "topic", topic);
        }
        if (variant != null && !Topics.isVariant(base, variant)) {
            throw new DecodeError("kind has no such variant", "topic", topic);
        }
    }

    private static boolean isKind(String base) {
        // An image has a number but no topic of its own: a mismatch, not news.
        return TYPES_OF_KINDS.containsKey(base) || base.equals("image");
    }

    private static boolean isSysName(String name) {
        Layout layout = LAYOUTS.get(typeOf(name));
        return layout != null && layout.role() == Layout.Role.SYS;
    }

    private static boolean isSymbol(String symbol) {
        int length = symbol.length();
        if (length == 0 || length > Contract.SYMBOL_BYTES_MAX
                || symbol.charAt(0) == ' ' || symbol.charAt(length - 1) == ' ') {
            return false;
        }
        for (int i = 0; i < length; i++) {
            char c = symbol.charAt(i);
            if (c < ' ' || c > '~') {
                return false;
            }
        }
        return true;
    }

    /** Index behind the second comma; -1 when there is none where a topic may end. */
    static int topicEnd(byte[] frame) {
        int limit = Math.min(frame.length, Contract.TOPIC_BYTES_MAX);
        int commas = 0;
        for (int i = 0; i < limit; i++) {
            if (frame[i] == ',' && ++commas == 2) {
                return i + 1;
            }
        }
        return -1;
    }

    /**
     * Reads a body whose topic is known.
     *
     * @param kind What the message is to say as its kind; it decides how image rows are laid out.
     * @param symbol The symbol.
     * @param bytes What holds the body.
     * @param offset Where it begins.
     * @param flagsAdd Flags to set besides those sent.
     * @param mergedAdd Updates to add to `merged`, where the message has it.
     * @throws DecodeError An item is wrong.
     * @throws UnknownMessage A type number that this version does not know.
     */
    static Message readBody(
            String kind, String symbol, byte[] bytes, int offset, long flagsAdd, long mergedAdd) {
        BodyReader reader = new BodyReader(bytes, offset);
        reader.readHeader();
        Layout layout = layoutOf(reader.type);
        if (layout == null) {
            throw new UnknownMessage("unknown type number", "type", reader.type, "kind", kind);
        }
        return reader.readBody(layout, kind, symbol, flagsAdd, mergedAdd);
    }
}
