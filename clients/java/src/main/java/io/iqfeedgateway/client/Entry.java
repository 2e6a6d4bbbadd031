package io.iqfeedgateway.client;

/** What waits in the queue to the application. */
sealed interface Entry permits Entry.Pending, Entry.Told, Skipped {

    /** An event of the client's own. */
    record Told(Event event) implements Entry {
    }

    /** A message on its way to the application; a value is decoded only when it gets there. */
    final class Pending implements Entry {
        final Route route;
        Header header;
        final boolean isState;
        /** Whether it answers a snapshot request. */
        boolean isSnapshot;
        /** Updates of the messages it replaced. */
        long mergedAdd;

        Pending(Route route, Header header, boolean isState, boolean isSnapshot) {
            this.route = route;
            this.header = header;
            this.isState = isState;
            this.isSnapshot = isSnapshot;
        }

        /** Takes the newer message's value, adding up how many updates it stands for. */
        void replace(Pending newer) {
            mergedAdd += newer.mergedAdd + header.merged(route.mergedIndex);
            header = newer.header;
            isSnapshot = newer.isSnapshot;
        }

        /** Counts an older message's updates too: it will not be delivered. */
        void standFor(Pending older) {
            mergedAdd += older.mergedAdd + older.header.merged(route.mergedIndex);
        }

        /** Decodes it; throws like {@link Codec#decodeFrame}. */
        Message decode() {
            long flags = mergedAdd == 0 ? 0 : Contract.Flag.CONFLATED;
            flags |= isSnapshot ? Contract.Flag.SNAPSHOT : 0;
            if (flags == 0 && header.message != null) {
                return header.message;
            }
            return Codec.readBody(
                    route.kind, route.symbol, header.bytes, header.offset, flags, mergedAdd);
        }
    }
}
