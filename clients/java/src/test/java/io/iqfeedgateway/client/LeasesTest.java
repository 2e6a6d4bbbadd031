package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What is held stays held. */
class LeasesTest {
    private static final long S = 1_000_000_000L;
    private final Leases leases = new Leases(60);

    @Test
    void aLeaseIsRenewedEveryTenSeconds() {
        leases.add("a", List.of("AAPL"), 0);
        assertTrue(leases.due(10 * S - 1).isEmpty());
        assertEquals(1, leases.due(10 * S).size());
        assertTrue(leases.due(10 * S).isEmpty(), "one renewal is under way");
        leases.renewed("a", 10 * S, true);
        assertEquals(1, leases.due(12 * S).size(), "in doubt it is looked at soon");
    }

    @Test
    void anExpiredLeaseIsTakenAgainWithItsKinds() {
        leases.want(List.of("AAPL"), List.of("quote", "trade"));
        leases.add("a", List.of("AAPL"), 0);
        assertTrue(leases.expire("a"));
        assertFalse(leases.expire("a"));
        assertEquals(List.of(new Leases.Group(List.of("AAPL"), List.of("quote", "trade"))),
                leases.groups(List.of("AAPL", "MSFT")));
    }

    @Test
    void whatIsGivenUpIsNotRenewed() {
        leases.want(List.of("AAPL"), List.of("quote", "trade"));
        leases.add("a", List.of("AAPL"), 0);
        assertEquals(List.of("quote,AAPL,"), leases.drop("AAPL", List.of("quote")));
        assertTrue(leases.isWanted("AAPL"));
        leases.drop("AAPL", null);
        leases.prune();
        assertEquals(Long.MAX_VALUE, leases.deadlineNs());
    }
}
