package io.iqfeedgateway.client;

import java.util.List;

/**
 * How one message is laid out.
 *
 * @param type The message's number.
 * @param name Its kind, or the name of a `sys` message.
 * @param role What its topic is for.
 * @param hasVariants Whether its kind may carry a variant such as `@250`.
 * @param carriers Its name, and the names of other messages that its topic carries.
 * @param items The items after the header, in wire order.
 * @param factory Makes the record.
 */
record Layout(
        int type,
        String name,
        Role role,
        boolean hasVariants,
        List<String> carriers,
        List<Item> items,
        Factory factory) {

    /** What a topic is for: states are repeated and conflated, events never. */
    enum Role {
        STATE,
        EVENT,
        SNAPSHOT_ONLY,
        SYS
    }

    /**
     * One item.
     *
     * @param name As the contract spells it.
     * @param type Its type.
     * @param isNilable Whether it may be nil or missing.
     */
    record Item(String name, ItemType type, boolean isNilable) {
    }

    /** Makes a record of a header and the items behind it. */
    interface Factory {
        /** Makes it; `body` has one entry for each of {@link Layout#items}. */
        Message make(
                String kind,
                String symbol,
                int type,
                long epoch,
                long sequence,
                long flags,
                long recvUs,
                Long eventUs,
                Object[] body);
    }
}
