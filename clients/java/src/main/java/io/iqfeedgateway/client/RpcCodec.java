package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.DecodeError;
import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import io.iqfeedgateway.client.GatewayClientException.RequestRefused;
import java.io.IOException;
import java.math.BigInteger;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;

/** Control requests to bytes, bytes to replies. */
final class RpcCodec {
    /** Longest reply that is read: 5,000 snapshots of books fit. */
    static final int REPLY_BYTES_MAX = 64 * 1024 * 1024;
    private static final long RETRY_MS_MAX = 3_600_000;
    /** Results nest deeper than messages: schemas, for example. */
    private static final int LEVELS_MAX = 64;
    /** They are a value of the request's map. */
    private static final int PARAMS_LEVEL = 2;

    /**
     * One answer of the gateway.
     *
     * @param result The method's result; null when refused.
     * @param error The refusal; null when it succeeded.
     */
    record Reply(long id, Object result, RequestRefused error) {
    }

    /** Parameters as they travel. */
    record Packed(byte[] bytes) {
    }

    private RpcCodec() {
    }

    /** Packs parameters ahead of their request; throws like {@link #encodeRequest}. */
    static Packed packParams(Map<String, ?> params) {
        return new Packed(pack(params, PARAMS_LEVEL));
    }

    /**
     * Packs one request.
     *
     * @throws InvalidArgument The parameters cannot be packed, or are longer than the gateway
     *     reads.
     */
    static byte[] encodeRequest(long id, String method, Object params, long deadlineMs) {
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("v", (long) Contract.PROTOCOL_VERSION);
        request.put("id", id);
        request.put("method", method);
        request.put("params", params);
        request.put("deadline_ms", Math.max(1, Math.min(deadlineMs, Contract.DEADLINE_MS_MAX)));
        byte[] data = pack(request);
        if (data.length > Contract.REQUEST_BYTES_MAX) {
            throw new InvalidArgument("request is too long", "Split the request.",
                    "method", method, "bytes", data.length,
                    "bytes_max", Contract.REQUEST_BYTES_MAX);
        }
        return data;
    }

    /**
     * Packs a value.
     *
     * @throws InvalidArgument A part of it has no form in msgpack.
     */
    static byte[] pack(Object value) {
        return pack(value, 1);
    }

    private static byte[] pack(Object value, int level) {
        try (MessageBufferPacker out = MessagePack.newDefaultBufferPacker()) {
            pack(out, value, level);
            return out.toByteArray();
        } catch (IOException | RuntimeException error) { // The collections are anybody's.
            throw new InvalidArgument("a value cannot be packed",
                    "Use texts, numbers, booleans, lists and maps.", "cause", error);
        }
    }

    private static void pack(MessageBufferPacker out, Object value, int level) throws IOException {
        if (level > LEVELS_MAX) {
            throw new IllegalArgumentException("nested too deep");
        } else if (value == null) {
            out.packNil();
        } else if (value instanceof Packed packed) {
            out.writePayload(packed.bytes);
        } else if (value instanceof String text) {
            out.packString(text);
        } else if (value instanceof Boolean flag) {
            out.packBoolean(flag);
        } else if (value instanceof BigInteger number) {
            out.packBigInteger(number);
        } else if (value instanceof Double || value instanceof Float) {
            out.packDouble(((Number) value).doubleValue());
        } else if (value instanceof Long || value instanceof Integer || value instanceof Short
                || value instanceof Byte) {
            out.packLong(((Number) value).longValue());
        } else if (value instanceof Collection<?> list) {
            out.packArrayHeader(list.size());
            for (Object item : list) {
                pack(out, item, level + 1);
            }
        } else if (value instanceof Map<?, ?> map) {
            out.packMapHeader(map.size());
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                pack(out, entry.getKey(), level + 1);
                pack(out, entry.getValue(), level + 1);
            }
        } else {
            throw new IllegalArgumentException(value.getClass().getName());
        }
    }

    /**
     * Reads one reply.
     *
     * @throws DecodeError Not a reply of the contract.
     */
    static Reply decodeReply(byte[] data) {
        if (data.length > REPLY_BYTES_MAX) {
            throw new DecodeError("reply is too long", "bytes", data.length);
        }
        if (!(new BodyReader(data, 0, LEVELS_MAX).readValue() instanceof Map<?, ?> reply)
                || !(reply.get("id") instanceof Long id)
                || !(reply.get("ok") instanceof Boolean isOk)) {
            throw new DecodeError("not a reply", "data", data);
        }
        return isOk
                ? new Reply(id, reply.get("result"), null)
                : new Reply(id, null, refusal(reply.get("error")));
    }

    private static RequestRefused refusal(Object error) {
        Map<?, ?> fields = error instanceof Map<?, ?> map ? map : Map.of();
        Long retryMs = fields.get("retry_ms") instanceof Long asked
                ? (Long) Math.min(Math.max(asked, 0), RETRY_MS_MAX) : null;
        Map<String, Object> details = new LinkedHashMap<>();
        if (fields.get("details") instanceof Map<?, ?> map) {
            map.forEach((key, value) -> details.put(String.valueOf(key), value));
        }
        return new RequestRefused(
                text(fields, "message", "the gateway refused without saying why"),
                text(fields, "code", ErrorCode.INTERNAL.code),
                text(fields, "hint", "Read the gateway's log."), retryMs, details);
    }

    private static String text(Map<?, ?> fields, String name, String otherwise) {
        return fields.get(name) instanceof String text ? text : otherwise;
    }
}
