package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import io.iqfeedgateway.client.GatewayClientException.SecurityValidation;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What must not reach the gateway is refused before anything is sent. */
class TopicsTest {
    @Test
    void aSymbolIsNeverRespelled() {
        assertEquals("@ES#", Topics.checkSymbol("@ES#"));
        SecurityValidation error =
                assertThrows(SecurityValidation.class, () -> Topics.checkSymbol("aapl"));
        assertEquals("symbol_invalid", error.code());
        assertEquals("Try \"AAPL\".", error.hint());
        for (String bad : List.of("", "A,B", " A", "A\n", "A".repeat(49))) {
            assertThrows(SecurityValidation.class, () -> Topics.checkSymbol(bad), bad);
        }
    }

    @Test
    void levelsAndVariantsAreSpelledOut() {
        assertEquals(List.of("quote", "trade", "summary", "state"),
                Topics.expandKinds(List.of("l1", "quote")));
        assertEquals(List.of("book@1000x5", "quote@250"),
                Topics.expandKinds(List.of("book@1000x5", "quote@250")));
        for (String bad : List.of("trade@250", "quote@250x5", "image", "sys", "quote@0")) {
            assertThrows(InvalidArgument.class, () -> Topics.expandKinds(List.of(bad)), bad);
        }
        assertThrows(InvalidArgument.class, () -> Topics.expandKinds(List.of()));
    }

    @Test
    void privateTopicsCannotBeAskedFor() {
        assertEquals("news,", Topics.checkTopic("news,"));
        for (String bad : List.of("", "~0123456789abcdef.quote,A,", "quote,A", ",")) {
            assertThrows(InvalidArgument.class, () -> Topics.checkTopic(bad), bad);
        }
    }

    @Test
    void noncesDiffer() {
        assertTrue(!Topics.newNonce().equals(Topics.newNonce()));
    }
}
