package io.iqfeedgateway.client;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Base of everything the client throws on purpose, as one tree.
 *
 * <p>{@link #code} is stable: the gateway's own error codes where it answered, lower_snake names of
 * ours elsewhere. {@link #hint} says what to do next. Facts are quoted escaped and cut, so that a
 * hostile value can neither flood nor forge a log line.
 */
public class GatewayClientException extends RuntimeException {
    /** Longest quotation of a fact, in characters. */
    static final int FACT_CHARACTERS_MAX = 200;

    private static final long serialVersionUID = 1L;

    private final String code;
    private final String hint;

    /**
     * Makes one.
     *
     * @param code Stable name of what happened.
     * @param hint What the reader should do.
     * @param text What happened, in a few words.
     * @param facts Names and values that show it, alternating.
     */
    GatewayClientException(String code, String hint, String text, Object... facts) {
        super(spell(text, facts));
        this.code = code;
        this.hint = hint;
    }

    /** Stable name of what happened. */
    public String code() {
        return code;
    }

    /** What to do next. */
    public String hint() {
        return hint;
    }

    private static String spell(String text, Object... facts) {
        if (facts.length == 0) {
            return text;
        }
        StringBuilder out = new StringBuilder(text).append(" (");
        for (int i = 0; i + 1 < facts.length; i += 2) {
            out.append(i == 0 ? "" : ", ").append(facts[i]).append('=');
            out.append(bounded(facts[i + 1]));
        }
        return out.append(')').toString();
    }

    /** Quotes a value: escaped to printable ASCII and cut. */
    static String bounded(Object value) {
        String text = value instanceof byte[] bytes ? head(bytes) : String.valueOf(value);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            String piece = c >= ' ' && c < 0x7f && c != '\\' ? String.valueOf(c) : escaped(c);
            if (out.length() + piece.length() > FACT_CHARACTERS_MAX) {
                return out.append("...").toString();
            }
            out.append(piece);
        }
        return out.toString();
    }

    private static String escaped(char c) {
        return c < 0x100 ? String.format("\\x%02x", (int) c) : String.format("\\u%04x", (int) c);
    }

    private static String head(byte[] bytes) {
        int count = Math.min(bytes.length, FACT_CHARACTERS_MAX + 1);
        return new String(bytes, 0, count, java.nio.charset.StandardCharsets.ISO_8859_1);
    }

    /** An argument that can never be right; nothing was sent. */
    public static class InvalidArgument extends GatewayClientException {
        private static final long serialVersionUID = 1L;

        InvalidArgument(String text, String hint, Object... facts) {
            this("invalid_argument", hint, text, facts);
        }

        private InvalidArgument(String code, String hint, String text, Object... facts) {
            super(code, hint, text, facts);
        }
    }

    /** A symbol that must not reach the gateway; nothing was sent. */
    public static final class SecurityValidation extends InvalidArgument {
        private static final long serialVersionUID = 1L;

        SecurityValidation(String text, String hint, Object... facts) {
            super(ErrorCode.SYMBOL_INVALID.code, hint, text, facts);
        }
    }

    /** The client is not connected, or lost the gateway while the call was under way. */
    public static final class NotConnected extends GatewayClientException {
        private static final long serialVersionUID = 1L;

        NotConnected(String text, Object... facts) {
            super("not_connected",
                    "Call connect() first; when it returned false, read lastError().", text, facts);
        }
    }

    /** A control request that brought no result. */
    public static class RequestError extends GatewayClientException {
        private static final long serialVersionUID = 1L;

        RequestError(String code, String hint, String text, Object... facts) {
            super(code, hint, text, facts);
        }
    }

    /** The answer did not come before the deadline; the gateway may still have acted on it. */
    public static final class RequestTimedOut extends RequestError {
        private static final long serialVersionUID = 1L;

        static final String HINT =
                "Retry; if it repeats, check that the gateway runs and read getHealthStatus().";

        RequestTimedOut(String text, String hint, Object... facts) {
            super(ErrorCode.TIMEOUT.code, hint, text, facts);
        }
    }

    /** The gateway answered with an error; {@link #code} is its own. */
    public static final class RequestRefused extends RequestError {
        private static final long serialVersionUID = 1L;

        private final Long retryMs;
        private final transient Map<String, Object> details;

        RequestRefused(
                String message,
                String code,
                String hint,
                Long retryMs,
                Map<String, Object> details) {
            super(code, hint, message, "code", code);
            this.retryMs = retryMs;
            this.details = Collections.unmodifiableMap(new LinkedHashMap<>(details));
        }

        /** Milliseconds after which a retry may succeed; null when a retry is pointless. */
        public Long retryMs() {
            return retryMs;
        }

        /** What the gateway adds, by name. */
        public Map<String, Object> details() {
            return details == null ? Map.of() : details;
        }
    }

    /** Bytes and messages do not fit each other. */
    public static class CodecError extends GatewayClientException {
        private static final long serialVersionUID = 1L;

        CodecError(String code, String hint, String text, Object... facts) {
            super(code, hint, text, facts);
        }
    }

    /** Bytes that are not a message of the wire contract. */
    public static final class DecodeError extends CodecError {
        private static final long serialVersionUID = 1L;

        DecodeError(String text, Object... facts) {
            super("malformed", "Compare the bytes with the wire contract; gateway and client may "
                    + "differ in version.", text, facts);
        }
    }

    /** A type number or a kind that this version does not know. */
    public static final class UnknownMessage extends CodecError {
        private static final long serialVersionUID = 1L;

        UnknownMessage(String text, Object... facts) {
            super("unknown_message", "A newer gateway may send it; skip the message or update the "
                    + "client.", text, facts);
        }
    }

    /** Updates of a book are missing; its mirror is not current until an image comes. */
    public static final class SequenceGap extends GatewayClientException {
        private static final long serialVersionUID = 1L;

        private final String topic;
        private final long firstMissing;
        private final long lastMissing;

        SequenceGap(String topic, long firstMissing, long lastMissing) {
            super("sequence_gap", "Ask for an image of the topic and apply it; updates may be "
                    + "applied meanwhile.", "updates are missing", "topic", topic,
                    "first_missing", firstMissing, "last_missing", lastMissing);
            this.topic = topic;
            this.firstMissing = firstMissing;
            this.lastMissing = lastMissing;
        }

        /** The topic they were published on. */
        public String topic() {
            return topic;
        }

        /** Sequence of the first one that is missing. */
        public long firstMissing() {
            return firstMissing;
        }

        /** Sequence of the last one that is missing; not below the first. */
        public long lastMissing() {
            return lastMissing;
        }

        /** The fact in a few words, as a mirror tells why it is not current. */
        public String reason() {
            return firstMissing == lastMissing
                    ? "update " + firstMissing + " is missing"
                    : "updates " + firstMissing + " to " + lastMissing + " are missing";
        }
    }
}
