package io.iqfeedgateway.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import io.iqfeedgateway.client.GatewayClientException.UnknownMessage;
import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The vectors hold the codec to the contract; these hold what Java can get wrong besides. */
class CodecTest {
    @Test
    void absentIsNullAndNeverZero() {
        Message.Quote quote = assertInstanceOf(
                Message.Quote.class, Codec.decodeFrame(Frames.quote(1, 1.5)));
        assertEquals(1.5, quote.bid());
        assertNull(quote.ask());
        assertNull(quote.eventUs());
    }

    @Test
    void identifiersAreExactToTheLastBit() {
        BigInteger id = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);
        byte[] frame = Frames.frame(
                "trade,AAPL,", 2, Frames.EPOCH, 1, 0, 10.5, Long.MAX_VALUE, id, null, null, "C");
        Message.Trade trade = (Message.Trade) Codec.decodeFrame(frame);
        assertEquals("18446744073709551615", Long.toUnsignedString(trade.tradeId()));
        assertEquals(Long.MAX_VALUE, trade.size());
    }

    @Test
    void whatIsNoMessageSaysSo() {
        assertThrows(DecodeError.class, () -> Codec.decodeFrame(new byte[0]));
        byte[] nan = Frames.frame("quote,AAPL,", 1, Frames.EPOCH, 1, 0, Double.NaN);
        assertThrows(DecodeError.class, () -> Codec.decodeFrame(nan));
        byte[] news = Frames.frame("quote,AAPL,", 99, Frames.EPOCH, 1, 0);
        assertThrows(UnknownMessage.class, () -> Codec.decodeFrame(news));
    }

    @Test
    void aHostileValueIsQuotedBoundedAndEscaped() {
        byte[] hostile = "x\n\u0007".repeat(1_000).getBytes();
        String text =
                assertThrows(DecodeError.class, () -> Codec.decodeFrame(hostile)).getMessage();
        assertTrue(text.length() < 300 && text.chars().allMatch(c -> c >= ' ' && c < 0x7f), text);
    }

    @Test
    void aPriceIsTheVendorsText() {
        // Double.toString is not always the shortest before Java 19.
        Random random = new Random(1);
        for (int i = 0; i < 20_000; i++) {
            long digits = random.nextLong(1_000_000_000_000_000L);
            java.math.BigDecimal text = java.math.BigDecimal.valueOf(digits, random.nextInt(12));
            assertEquals(0, text.compareTo(Codec.toDecimal(text.doubleValue())), text.toString());
        }
        assertEquals("6614", Codec.toDecimal(6614.0).toString());
        assertEquals("-0.25", Codec.toDecimal(-0.25).toString());
        assertThrows(DecodeError.class, () -> Codec.toDecimal(Double.NaN));
    }
}
