package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Takes msgpack values off an array of bytes, one after another. For one thread.
 *
 * <p>The library's unpacker costs two to four times as much: it serves streams, so each one brings
 * buffers of its own, and each value is looked at twice. What is read here is a whole array in
 * memory, of a few types. Every method throws DecodeError where the bytes hold something else.
 */
final class Unpacker {
    /** What the next value is. */
    enum Type {
        NIL,
        BOOLEAN,
        INTEGER,
        FLOAT,
        STRING,
        ARRAY,
        MAP,
        OTHER
    }

    private static final int NIL = 0xc0;
    private static final int FALSE = 0xc2;
    private static final int TRUE = 0xc3;
    private static final int FLOAT32 = 0xca;
    private static final int FLOAT64 = 0xcb;
    private static final int UINT8 = 0xcc;
    private static final int UINT64 = 0xcf;
    private static final int INT8 = 0xd0;
    private static final int INT64 = 0xd3;
    private static final int FIXEXT1 = 0xd4;
    private static final int STR8 = 0xd9;
    private static final int ARRAY16 = 0xdc;
    private static final int MAP16 = 0xde;
    private static final int NEGATIVE_FIXINT = 0xe0;

    private final byte[] bytes;
    private int at;
    /** Whether the last integer was above 2^63-1: the long has its bits. */
    private boolean isHuge;

    Unpacker(byte[] bytes, int offset) {
        this.bytes = bytes;
        this.at = offset;
    }

    DecodeError refused(String text) {
        return new DecodeError(text, "at", at, "bytes", bytes);
    }

    /** Checks that nothing is left. */
    void end() {
        if (at != bytes.length) {
            throw refused("bytes behind the body");
        }
    }

    private int peek() {
        if (at >= bytes.length) {
            throw refused("the bytes end too early");
        }
        return bytes[at] & 0xff;
    }

    private int take() {
        int first = peek();
        at++;
        return first;
    }

    private long number(int width) {
        if (bytes.length - at < width) {
            throw refused("the bytes end too early");
        }
        long value = 0;
        for (int end = at + width; at < end; at++) {
            value = value << 8 | bytes[at] & 0xff;
        }
        return value;
    }

    /** A length that can be true: each of the things counted takes some bytes. */
    private int length(long count, int bytesEach) {
        if (count > (bytes.length - at) / bytesEach) {
            throw refused("fewer bytes than claimed");
        }
        return (int) count;
    }

    Type type() {
        int first = peek();
        if (first < 0x80 || first >= NEGATIVE_FIXINT || (first >= UINT8 && first <= INT64)) {
            return Type.INTEGER;
        }
        if (first < 0xa0) {
            return first < 0x90 ? Type.MAP : Type.ARRAY;
        }
        if (first < NIL || (first >= STR8 && first < ARRAY16)) {
            return Type.STRING;
        }
        switch (first) {
            case NIL:
                return Type.NIL;
            case FALSE:
            case TRUE:
                return Type.BOOLEAN;
            case FLOAT32:
            case FLOAT64:
                return Type.FLOAT;
            case ARRAY16:
            case ARRAY16 + 1:
                return Type.ARRAY;
            case MAP16:
            case MAP16 + 1:
                return Type.MAP;
            default:
                return Type.OTHER;
        }
    }

    /** Takes a nil, if there is one. */
    boolean tryNil() {
        if (peek() != NIL) {
            return false;
        }
        at++;
        return true;
    }

    boolean bool() {
        int first = take();
        if (first != FALSE && first != TRUE) {
            throw refused("not a boolean");
        }
        return first == TRUE;
    }

    /** An integer; {@link #isHuge} tells of one above 2^63-1. */
    long integer() {
        int first = take();
        isHuge = false;
        if (first < 0x80) {
            return first;
        }
        if (first >= NEGATIVE_FIXINT) {
            return (byte) first;
        }
        if (first >= UINT8 && first <= UINT64) {
            long value = number(1 << (first - UINT8));
            isHuge = value < 0;
            return value;
        }
        if (first < INT8 || first > INT64) {
            throw refused("not an integer");
        }
        int width = 1 << (first - INT8);
        int spare = Long.SIZE - 8 * width;
        return number(width) << spare >> spare;
    }

    /** Whether the last integer was above 2^63-1: the long has its bits. */
    boolean isHuge() {
        return isHuge;
    }

    /** An integer from 0 to `max`, which is below 2^63. */
    long unsigned(long max) {
        long value = integer();
        if (value < 0 || value > max) {
            throw refused("integer out of range");
        }
        return value;
    }

    /** A finite number with a fraction. */
    double finite() {
        int first = take();
        double value;
        if (first == FLOAT64) {
            value = Double.longBitsToDouble(number(8));
        } else if (first == FLOAT32) {
            value = Float.intBitsToFloat((int) number(4));
        } else {
            throw refused("not a float");
        }
        if (!Double.isFinite(value)) {
            throw refused("number is not finite");
        }
        return value;
    }

    /** A text, possibly empty; what is not UTF-8 is refused, not repaired. */
    String string() {
        int first = take();
        int count = textLength(first);
        int from = at;
        at += count;
        for (int i = from; i < at; i++) {
            if (bytes[i] < 0) {
                return utf8(from, count);
            }
        }
        return new String(bytes, from, count, StandardCharsets.ISO_8859_1);
    }

    private int textLength(int first) {
        if (first >= 0xa0 && first < NIL) {
            return length(first & 0x1f, 1);
        }
        if (first >= STR8 && first < ARRAY16) {
            return length(number(1 << (first - STR8)), 1);
        }
        throw refused("not a text");
    }

    private String utf8(int from, int count) {
        try {
            return StandardCharsets.UTF_8.newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(bytes, from, count)).toString();
        } catch (CharacterCodingException error) {
            throw refused("text is not UTF-8");
        }
    }

    /** Count of items that follow. */
    int arrayHeader() {
        int first = take();
        if ((first & 0xf0) == 0x90) {
            return length(first & 0x0f, 1);
        }
        if (first != ARRAY16 && first != ARRAY16 + 1) {
            throw refused("not an array");
        }
        return length(number(first == ARRAY16 ? 2 : 4), 1);
    }

    /** Count of pairs that follow. */
    int mapHeader() {
        int first = take();
        if ((first & 0xf0) == 0x80) {
            return length(first & 0x0f, 2);
        }
        if (first != MAP16 && first != MAP16 + 1) {
            throw refused("not a map");
        }
        return length(number(first == MAP16 ? 2 : 4), 2);
    }

    /** Passes over one value of any type, and all that is in it. */
    void skip() {
        long left = 1;
        while (left-- > 0) {
            switch (type()) {
                case ARRAY -> left += arrayHeader();
                case MAP -> left += 2L * mapHeader();
                case INTEGER -> integer();
                case FLOAT -> number(take() == FLOAT64 ? 8 : 4);
                case STRING -> skipText(take());
                case OTHER -> skipBytes(take());
                default -> at++;
            }
        }
    }

    private void skipText(int first) {
        int count = textLength(first); // Which moves the position, too.
        at += count;
    }

    /** Passes over bytes or an extension. */
    private void skipBytes(int first) {
        if (first >= 0xc4 && first <= 0xc6) {
            int count = length(number(1 << (first - 0xc4)), 1);
            at += count;
        } else if (first >= 0xc7 && first <= 0xc9) {
            long count = number(1 << (first - 0xc7));
            at += length(count + 1, 1);
        } else if (first >= FIXEXT1 && first < STR8) {
            at += length((1L << (first - FIXEXT1)) + 1, 1);
        } else {
            throw refused("not msgpack");
        }
    }
}
