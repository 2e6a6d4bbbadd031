package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import java.io.IOException;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessagePackException;
import org.msgpack.core.MessageUnpacker;

/**
 * What sequence tracking needs of a body, and where the body is.
 *
 * <p>The reader thread looks at every frame, so this reads the four integers by itself: an unpacker
 * costs several times as much, and what is conflated away or skipped never needs one.
 */
final class Header {
    private static final int ITEMS = 6;
    private static final long UINT_MAX = Contract.INTEGER_MAX.get(ItemType.UINT);

    final byte[] bytes;
    final int offset;
    final long type;
    final long epoch;
    final long sequence;
    final long flags;
    private int position;

    /**
     * Reads it.
     *
     * @throws DecodeError Not an array of at least six items that begins with four integers from 0
     *     to 2^53-1.
     */
    Header(byte[] bytes, int offset) {
        this.bytes = bytes;
        this.offset = offset;
        this.position = offset;
        if (arrayHeader() < ITEMS) {
            throw refused();
        }
        type = uint();
        epoch = uint();
        sequence = uint();
        flags = uint();
    }

    private DecodeError refused() {
        return new DecodeError("not a frame", "frame", bytes);
    }

    private long arrayHeader() {
        int first = (int) number(1);
        if ((first & 0xf0) == 0x90) {
            return first & 0x0f;
        }
        if (first != 0xdc && first != 0xdd) {
            throw refused();
        }
        return number(first == 0xdc ? 2 : 4);
    }

    private long uint() {
        int first = (int) number(1);
        if (first < 0x80) {
            return first;
        }
        // Writers may use signed forms for positive numbers, too.
        boolean isUnsigned = first >= 0xcc && first <= 0xcf;
        if (!isUnsigned && (first < 0xd0 || first > 0xd3)) {
            throw refused();
        }
        int width = 1 << (isUnsigned ? first - 0xcc : first - 0xd0);
        long value = number(width);
        boolean isNegative = !isUnsigned && value >> (8 * width - 1) != 0;
        if (isNegative || value < 0 || value > UINT_MAX) {
            throw refused();
        }
        return value;
    }

    private long number(int width) {
        if (bytes.length - position < width) {
            throw refused();
        }
        long value = 0;
        for (int i = 0; i < width; i++) {
            value = value << 8 | bytes[position++] & 0xff;
        }
        return value;
    }

    /** How many updates a message stands for by its item `merged`; 1 when it does not say. */
    long merged(int index) {
        if (index < 0) {
            return 1;
        }
        try (MessageUnpacker in =
                MessagePack.newDefaultUnpacker(bytes, offset, bytes.length - offset)) {
            if (in.unpackArrayHeader() <= index) {
                return 1;
            }
            in.skipValue(index);
            return in.tryUnpackNil() ? 1 : Math.max(1, in.unpackLong());
        } catch (IOException | MessagePackException error) {
            return 1; // Whoever reads the message will find out.
        }
    }
}
