package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;

/**
 * What sequence tracking needs of a body, and where the body is.
 *
 * <p>Of a value the reader thread looks at no more, but that the body is whole: what is conflated
 * away is never decoded. Of what comes once it reads all, before the position moves.
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
    /** The message, where the whole body was read already; null otherwise. */
    Message message;

    /**
     * Reads it.
     *
     * @throws DecodeError Not an array of at least six items that begins with four integers from 0
     *     to 2^53-1.
     */
    Header(byte[] bytes, int offset) {
        this.bytes = bytes;
        this.offset = offset;
        Unpacker in = new Unpacker(bytes, offset);
        if (in.arrayHeader() < ITEMS) {
            throw in.refused("header is too short");
        }
        type = in.unsigned(UINT_MAX);
        epoch = in.unsigned(UINT_MAX);
        sequence = in.unsigned(UINT_MAX);
        flags = in.unsigned(UINT_MAX);
    }

    /**
     * Checks that the body is whole, without making anything of it.
     *
     * @throws DecodeError It ends too early, or too late.
     */
    void check() {
        Unpacker in = new Unpacker(bytes, offset);
        in.skip();
        in.end();
    }

    /** How many updates a message stands for by its item `merged`; 1 when it does not say. */
    long merged(int index) {
        if (index < 0) {
            return 1;
        }
        try {
            Unpacker in = new Unpacker(bytes, offset);
            if (in.arrayHeader() <= index) {
                return 1;
            }
            for (int i = 0; i < index; i++) {
                in.skip();
            }
            return in.tryNil() ? 1 : Math.max(1, in.integer());
        } catch (DecodeError error) {
            return 1; // Whoever reads the message will find out.
        }
    }
}
