package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a client is told at construction, checked before anything is opened. Immutable. */
public final class Options {
    /** Where the gateway publishes unless told otherwise. */
    public static final String DATA_ENDPOINT = "tcp://127.0.0.1:7700";
    /** Where the gateway answers requests unless told otherwise. */
    public static final String CONTROL_ENDPOINT = "tcp://127.0.0.1:7701";

    private static final Duration DURATION_MAX = Duration.ofDays(1);
    private static final Pattern ENDPOINT =
            Pattern.compile("tcp://(?:\\[[0-9A-Fa-f:.%]+\\]|[^\\s:/\\[\\]]+):([0-9]{1,5})");
    private static final Pattern CLIENT_NAME = Pattern.compile("[A-Za-z0-9._:@-]{1,64}");

    final String dataEndpoint;
    final String controlEndpoint;
    final String clientName;
    final Duration requestTimeout;
    final Duration connectTimeout;
    final int leaseS;
    final Duration heartbeatSilence;
    final int queueCapacity;
    final int conflateAbove;
    final Duration skipAfter;
    final int receiveFramesMax;
    final CurveKeys curve;

    private Options(Builder from) {
        dataEndpoint = checkEndpoint("dataEndpoint", from.dataEndpoint);
        controlEndpoint = checkEndpoint("controlEndpoint", from.controlEndpoint);
        clientName = from.clientName.isEmpty() ? newName() : from.clientName;
        requestTimeout = checkDuration("requestTimeout", from.requestTimeout);
        connectTimeout = checkDuration("connectTimeout", from.connectTimeout);
        heartbeatSilence = checkDuration("heartbeatSilence", from.heartbeatSilence);
        skipAfter = from.skipAfter == null ? null : checkDuration("skipAfter", from.skipAfter);
        leaseS = from.leaseS;
        queueCapacity = from.queueCapacity;
        conflateAbove = from.conflateAbove;
        receiveFramesMax = from.receiveFramesMax;
        curve = from.curve;
        if (leaseS < Contract.LEASE_S_MIN || leaseS > Contract.LEASE_S_MAX) {
            throw new InvalidArgument("leaseS out of range", "Use " + Contract.LEASE_S_MIN
                    + " to " + Contract.LEASE_S_MAX + " seconds.", "value", leaseS);
        }
        if (conflateAbove < 1 || conflateAbove > queueCapacity) {
            throw new InvalidArgument("queue bounds do not fit",
                    "Keep 0 < conflateAbove <= queueCapacity.",
                    "conflate_above", conflateAbove, "queue_capacity", queueCapacity);
        }
        if (receiveFramesMax < 1) {
            throw new InvalidArgument("receiveFramesMax out of range", "Use 10,000 or more.",
                    "value", receiveFramesMax);
        }
        if (!CLIENT_NAME.matcher(clientName).matches()) {
            throw new InvalidArgument("clientName refused",
                    "Use 1 to 64 letters, digits and ._:@- only.", "client_name", clientName);
        }
    }

    private static String newName() {
        byte[] random = new byte[4];
        new SecureRandom().nextBytes(random);
        return "java-" + ProcessHandle.current().pid() + "-" + HexFormat.of().formatHex(random);
    }

    private static String checkEndpoint(String name, String endpoint) {
        Matcher match = ENDPOINT.matcher(String.valueOf(endpoint));
        if (match.matches()) {
            int port = Integer.parseInt(match.group(1));
            if (port > 0 && port < 65_536) {
                return endpoint;
            }
        }
        // JeroMQ's ipc:// is a loopback port of its own making, which no other ZeroMQ speaks.
        throw new InvalidArgument("not an endpoint", "Write tcp://host:port.",
                "name", name, "value", endpoint);
    }

    static Duration checkDuration(String name, Duration value) {
        if (value == null || value.isNegative() || value.isZero()
                || value.compareTo(DURATION_MAX) >= 0) {
            throw new InvalidArgument("not a duration", "Use more than 0 and less than a day.",
                    "name", name, "value", value);
        }
        return value;
    }

    /** Everything as it is unless told otherwise. */
    public static Options defaults() {
        return builder().build();
    }

    /**
     * As the environment says: {@code IQFEED_GATEWAY_DATA} and {@code IQFEED_GATEWAY_CONTROL} are
     * endpoints, {@code IQFEED_GATEWAY_KEYS} is the path of a file of keys; all may be left out.
     *
     * @throws InvalidArgument One of them can never work.
     */
    public static Options fromEnvironment() {
        Map<String, String> environment = System.getenv();
        String keys = environment.getOrDefault("IQFEED_GATEWAY_KEYS", "");
        return builder()
                .dataEndpoint(environment.getOrDefault("IQFEED_GATEWAY_DATA", DATA_ENDPOINT))
                .controlEndpoint(
                        environment.getOrDefault("IQFEED_GATEWAY_CONTROL", CONTROL_ENDPOINT))
                .curve(keys.isEmpty() ? null : CurveKeys.load(Path.of(keys)))
                .build();
    }

    /** Begins with everything as it is unless told otherwise. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects what differs from the defaults. */
    public static final class Builder {
        private String dataEndpoint = DATA_ENDPOINT;
        private String controlEndpoint = CONTROL_ENDPOINT;
        private String clientName = "";
        private Duration requestTimeout = Duration.ofSeconds(5);
        private Duration connectTimeout = Duration.ofSeconds(5);
        private int leaseS = 60;
        private Duration heartbeatSilence = Duration.ofSeconds(3);
        private int queueCapacity = 100_000;
        private int conflateAbove = 10_000;
        private Duration skipAfter;
        private int receiveFramesMax = 200_000;
        private CurveKeys curve;

        private Builder() {
        }

        /** Where the gateway publishes: {@code tcp://host:port}. */
        public Builder dataEndpoint(String value) {
            dataEndpoint = value;
            return this;
        }

        /** Where the gateway answers requests: {@code tcp://host:port}. */
        public Builder controlEndpoint(String value) {
            controlEndpoint = value;
            return this;
        }

        /** Name the leases belong to; clients with one name share them. Made up when empty. */
        public Builder clientName(String value) {
            clientName = value;
            return this;
        }

        /** How long to wait for a reply; 5 s. */
        public Builder requestTimeout(Duration value) {
            requestTimeout = value;
            return this;
        }

        /** In which {@code connect} must have heard a reply and a heartbeat; 5 s. */
        public Builder connectTimeout(Duration value) {
            connectTimeout = value;
            return this;
        }

        /** Life of a lease in seconds; renewed at half of it, and every ten seconds at least. */
        public Builder leaseS(int value) {
            leaseS = value;
            return this;
        }

        /** Without a heartbeat for so long the data connection counts as lost; 3 s. */
        public Builder heartbeatSilence(Duration value) {
            heartbeatSilence = value;
            return this;
        }

        /** Messages that wait for the application at most; then they are skipped, and told. */
        public Builder queueCapacity(int value) {
            queueCapacity = value;
            return this;
        }

        /** Waiting messages from which on state messages replace older ones of their topic. */
        public Builder conflateAbove(int value) {
            conflateAbove = value;
            return this;
        }

        /** Age at which what waits is skipped, too; null (the default) for no age. */
        public Builder skipAfter(Duration value) {
            skipAfter = value;
            return this;
        }

        /** Frames the data socket may hold; the reader thread keeps it near empty. 200,000. */
        public Builder receiveFramesMax(int value) {
            receiveFramesMax = value;
            return this;
        }

        /** Keys, when the gateway asks for them; null (the default) for none. */
        public Builder curve(CurveKeys value) {
            curve = value;
            return this;
        }

        /**
         * Checks everything.
         *
         * @throws InvalidArgument One of the values can never work.
         */
        public Options build() {
            return new Options(this);
        }
    }
}
