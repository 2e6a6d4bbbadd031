package io.iqfeedgateway.client.conformance;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.iqfeedgateway.client.Codec;
import io.iqfeedgateway.client.GatewayClientException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/** Answers what the project's conformance tests ask: a case on stdin, an answer on stdout. */
public final class Conformance {
    static final Gson GSON =
            new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

    private Conformance() {
    }

    /**
     * Runs one mode: {@code vectors}, {@code live}, or {@code bench MODE ENDPOINT COUNT}.
     *
     * @throws IOException Standard input cannot be read.
     * @throws InterruptedException The program is being stopped.
     */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        String mode = arguments.length == 0 ? "" : arguments[0];
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        switch (mode) {
            case "vectors":
                String line;
                while ((line = in.readLine()) != null) {
                    answer(out, vector(JsonParser.parseString(line).getAsJsonObject()));
                }
                break;
            case "live":
                Live.run(in, out);
                break;
            case "bench":
                Bench.run(arguments[1], arguments[2], Long.parseLong(arguments[3]), out);
                break;
            default:
                System.err.println(
                        "usage: vectors | live | bench plain|typed|client ENDPOINT COUNT");
                System.exit(2);
        }
    }

    static void answer(PrintStream out, Map<String, Object> answer) {
        out.println(GSON.toJson(answer));
        out.flush();
    }

    private static Map<String, Object> vector(JsonObject asked) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("id", asked.get("id").getAsString());
        byte[] frame = HexFormat.of().parseHex(asked.get("frame").getAsString());
        try {
            Map<String, Object> message = Spelling.message(Codec.decodeFrame(frame));
            message.put("type", message.get("type").toString());
            answer.put("result", "valid");
            answer.put("message", message);
        } catch (GatewayClientException.CodecError error) {
            answer.put("result", "invalid");
            answer.put("error", error.code());
        }
        return answer;
    }
}
