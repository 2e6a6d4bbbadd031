package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Keys for a gateway that asks for CURVE; each is Z85 text of 40 characters.
 *
 * @param serverPublicKey The gateway's public key.
 * @param publicKey This client's public key.
 * @param secretKey This client's secret key; never printed.
 */
public record CurveKeys(String serverPublicKey, String publicKey, String secretKey) {
    private static final int FILE_BYTES_MAX = 65_536;
    private static final List<String> NAMES =
            List.of("server_public_key", "public_key", "secret_key");
    private static final Pattern KEY =
            Pattern.compile("[0-9a-zA-Z.\\-:+=^!/*?&<>()\\[\\]{}@%$#]{40}");
    private static final Pattern LINE = Pattern.compile(
            "\\s*[\"']?(\\w+)[\"']?\\s*:\\s*(?:\"([^\"]*)\"|'([^']*)'|(\\S+?))\\s*,?\\s*");
    private static final Pattern NOTHING = Pattern.compile("\\s*(?:#.*|[{}]|---)?\\s*");
    /** A group may read it: that is how containers hand secrets to a user who is not root. */
    private static final Set<PosixFilePermission> REFUSED = Set.of(
            PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_READ,
            PosixFilePermission.OTHERS_WRITE, PosixFilePermission.OTHERS_EXECUTE);

    /**
     * Checks the three keys.
     *
     * @throws InvalidArgument One of them is not Z85 text of 40 characters; none is quoted.
     */
    public CurveKeys {
        check(NAMES.get(0), serverPublicKey);
        check(NAMES.get(1), publicKey);
        check(NAMES.get(2), secretKey);
    }

    private static void check(String name, String key) {
        if (key == null || !KEY.matcher(key).matches()) {
            throw new InvalidArgument("not a CURVE key", "A key is Z85 text of 40 characters.",
                    "name", name);
        }
    }

    @Override
    public String toString() {
        return "CurveKeys[publicKey=" + publicKey + "]";
    }

    /**
     * Reads the file that {@code iqfeed-gateway keys new} wrote for a client.
     *
     * @param file With {@code server_public_key}, {@code public_key} and {@code secret_key}, one a
     *     line as in YAML, or as JSON; other names in it are ignored.
     * @throws InvalidArgument It cannot be read, others may read it, or a key is missing or none.
     *     No value of it is quoted.
     */
    public static CurveKeys load(Path file) {
        String text;
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(FILE_BYTES_MAX);
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            refuseOthers(file);
        } catch (IOException error) {
            String reason = error instanceof CharacterCodingException
                    ? "not UTF-8" : error.getClass().getSimpleName();
            throw new InvalidArgument("the file of keys cannot be read",
                    "Name the file that `iqfeed-gateway keys new` wrote.",
                    "file", file, "reason", reason);
        }
        Map<String, String> found = valuesOf(text, file);
        for (String name : NAMES) {
            if (!found.containsKey(name)) {
                throw new InvalidArgument("the file of keys is not complete",
                        "`iqfeed-gateway keys new` writes all three keys.",
                        "file", file, "missing", name);
            }
        }
        return new CurveKeys(found.get(NAMES.get(0)), found.get(NAMES.get(1)),
                found.get(NAMES.get(2)));
    }

    private static void refuseOthers(Path file) throws IOException {
        if (!file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            return;
        }
        if (Files.getPosixFilePermissions(file).stream().anyMatch(REFUSED::contains)) {
            throw new InvalidArgument("the file of keys can be used by others", "chmod 600 " + file
                    + ", or ask for a new key where others could read this one.", "file", file);
        }
    }

    /** Texts by name: a line each, in the form that YAML and indented JSON have in common. */
    private static Map<String, String> valuesOf(String text, Path file) {
        Map<String, String> found = new HashMap<>();
        int number = 0;
        for (String line : text.split("\\R")) {
            number++;
            Matcher match = LINE.matcher(line);
            if (match.matches()) {
                for (int group = 2; group <= 4; group++) {
                    if (match.group(group) != null) {
                        found.put(match.group(1), match.group(group));
                    }
                }
            } else if (!NOTHING.matcher(line).matches()) {
                throw new InvalidArgument("the file of keys cannot be understood",
                        "Write name: \"value\", one a line.", "file", file, "line", number);
            }
        }
        return found;
    }
}
