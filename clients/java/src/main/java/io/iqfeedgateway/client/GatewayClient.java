package io.iqfeedgateway.client;

import io.iqfeedgateway.client.Engine.Link;
import io.iqfeedgateway.client.GatewayClientException.CodecError;
import io.iqfeedgateway.client.GatewayClientException.NotConnected;
import io.iqfeedgateway.client.GatewayClientException.RequestError;
import io.iqfeedgateway.client.GatewayClientException.RequestTimedOut;
import io.iqfeedgateway.client.GatewayClientException.SecurityValidation;
import io.iqfeedgateway.client.Results.SymbolResult;
import java.time.Duration;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A consumer of the gateway's data and a caller of its methods: blocking calls, each with a
 * deadline.
 *
 * <p>Use it in a try statement, or call {@link #disconnect} when done. Any thread may call any
 * method; several that read the stream share the messages, each message going to one of them. A
 * call that is interrupted throws RequestError with code {@code interrupted} and leaves the
 * thread's interrupt status set; the gateway may still have acted on it.
 */
public final class GatewayClient extends GatewayMethods
        implements AutoCloseable, Iterable<StreamItem> {
    /** The reader thread ends every call at its deadline; so much longer never happens. */
    private static final long GRACE_NS = 2_000_000_000L;

    private final Options options;
    private final AtomicLong undecodedCount = new AtomicLong();
    private volatile Engine engine;
    private volatile GatewayClientException lastError;

    /** Makes a client for the default endpoints; nothing is opened before {@link #connect}. */
    public GatewayClient() {
        this(Options.defaults());
    }

    /** Makes a client; nothing is opened before {@link #connect}. */
    public GatewayClient(Options options) {
        super(options.requestTimeout);
        this.options = options;
    }

    /**
     * Makes a client and connects it, for use in a try statement.
     *
     * @throws GatewayClientException The gateway cannot be reached.
     */
    public static GatewayClient open(Options options) {
        GatewayClient client = new GatewayClient(options);
        if (!client.connect()) {
            throw client.lastError;
        }
        return client;
    }

    /**
     * Makes a client for the default endpoints and connects it.
     *
     * @throws GatewayClientException The gateway cannot be reached.
     */
    public static GatewayClient open() {
        return open(Options.defaults());
    }

    /**
     * Reaches the gateway: a reply to {@code hello} and a first heartbeat.
     *
     * @return True when connected (already or now); false when not reachable within
     *     {@code connectTimeout}, with the reason in {@link #lastError}.
     */
    public boolean connect() {
        Engine current;
        synchronized (this) {
            current = engine;
            if (current == null || current.link == Link.CLOSED) {
                undecodedCount.set(0);
                current = new Engine(options);
                engine = current;
                current.start();
            }
        }
        boolean isConnected = await(current.connected, options.connectTimeout);
        lastError = isConnected ? null : current.error;
        if (!isConnected) {
            current.stop();
            current.join();
            lastError = current.error == null ? new NotConnected("disconnected") : current.error;
        }
        return isConnected;
    }

    /** Closes everything; idempotent. What is queued can still be read, then the stream ends. */
    public void disconnect() {
        Engine current = engine;
        if (current != null) {
            current.stop();
            current.join();
        }
    }

    /** The same as {@link #disconnect}. */
    @Override
    public void close() {
        disconnect();
    }

    // What is known without asking.

    /** Name the leases belong to. */
    public String clientName() {
        return options.clientName;
    }

    /** Whether heartbeats arrive. */
    public boolean isConnected() {
        Engine current = engine;
        return current != null && current.link == Link.CONNECTED;
    }

    /**
     * Why the last {@link #connect} returned false, or the reader thread failed since; null
     * otherwise.
     */
    public GatewayClientException lastError() {
        Engine current = engine;
        return current == null || current.death == null ? lastError : current.death;
    }

    /** What the gateway said of itself ({@code hello}); empty before {@link #connect}. */
    public Map<String, Object> gateway() {
        Engine current = engine;
        return current == null || current.gateway == null ? Map.of() : current.gateway;
    }

    /** The gateway run last heard, Unix milliseconds; null before {@link #connect}. */
    public Long epoch() {
        Engine current = engine;
        long epoch = current == null ? -1 : current.session.intake.epoch;
        return epoch < 0 ? null : (Long) epoch;
    }

    /**
     * What this client has counted since {@link #connect}.
     *
     * @throws NotConnected {@link #connect} was never called.
     */
    @Override
    public Statistics statistics() {
        return Statistics.of(require(), undecodedCount.get());
    }

    // Subscriptions.

    /**
     * Subscribes to one symbol.
     *
     * @param symbol The vendor's spelling, for example {@code AAPL}.
     * @param kinds {@code l1}, {@code l2}, kinds such as {@code quote}, or variants such as
     *     {@code quote@250}; {@code l1} when none is given.
     * @return Its topics with their states, or why it was rejected.
     * @throws SecurityValidation The symbol must not be sent, and was not.
     * @throws GatewayClientException.InvalidArgument A kind does not exist.
     * @throws RequestError The gateway did not answer, or refused the whole request.
     */
    public SymbolResult subscribeSymbol(String symbol, String... kinds) {
        Topics.checkSymbol(symbol);
        return subscribeSymbols(List.of(symbol), kinds).get(symbol);
    }

    /**
     * Subscribes to many symbols; one bad symbol never spoils the others.
     *
     * @param symbols The vendor's spellings; any number, sent 5,000 a request.
     * @param kinds As in {@link #subscribeSymbol}.
     * @return What became of each; malformed symbols are rejected with {@code symbol_invalid} and
     *     not sent.
     * @throws GatewayClientException.InvalidArgument A kind does not exist.
     * @throws RequestError The gateway did not answer, or refused a request. What it accepted until
     *     then stays subscribed.
     */
    public Map<String, SymbolResult> subscribeSymbols(Collection<String> symbols, String... kinds) {
        List<String> expanded =
                Topics.expandKinds(kinds.length == 0 ? List.of("l1") : List.of(kinds));
        Map<String, SymbolResult> results = new LinkedHashMap<>();
        Set<String> good = new LinkedHashSet<>();
        for (String symbol : symbols) {
            try {
                good.add(Topics.checkSymbol(symbol));
            } catch (SecurityValidation error) {
                results.put(symbol,
                        new SymbolResult(symbol, List.of(), error.code(), error.hint()));
            }
        }
        Engine current = require();
        List<String> asked = List.copyOf(good);
        CompletableFuture<Map<String, SymbolResult>> future = new CompletableFuture<>();
        current.post(nowNs -> current.session.subscribe(asked, expanded, nowNs,
                options.requestTimeout.toNanos(), future), future);
        results.putAll(await(future, options.requestTimeout));
        return results;
    }

    /**
     * Gives a symbol up, or only some kinds of it; listening ends at once.
     *
     * @param kinds As in {@link #subscribeSymbol}; all when none is given.
     * @throws SecurityValidation Not a symbol.
     * @throws RequestError The gateway did not confirm; its lease then ends by itself.
     */
    public void unsubscribeSymbol(String symbol, String... kinds) {
        unsubscribeSymbols(List.of(symbol), kinds);
    }

    /** Gives many symbols up, or only some kinds of them; as {@link #unsubscribeSymbol}. */
    public void unsubscribeSymbols(Collection<String> symbols, String... kinds) {
        List<String> good = symbols.stream().map(Topics::checkSymbol).toList();
        List<String> chosen = kinds.length == 0 ? null : List.of(kinds);
        if (chosen != null) {
            Topics.expandKinds(chosen);
        }
        Engine current = require();
        CompletableFuture<Void> future = new CompletableFuture<>();
        current.post(nowNs -> current.session.giveUp(good, chosen, nowNs,
                options.requestTimeout.toNanos(), future), future);
        await(future, options.requestTimeout);
    }

    /** Listens to topics ({@code bar,AAPL,}) or whole kinds ({@code news,}) without a lease. */
    public void subscribeTopics(Collection<String> topics) {
        List<String> checked = topics.stream().map(Topics::checkTopic).toList();
        inReader(session -> session.listenTo(checked));
    }

    /** Stops listening to what {@link #subscribeTopics} was given; the client's own stay. */
    public void unsubscribeTopics(Collection<String> topics) {
        List<String> checked = topics.stream().map(Topics::checkTopic).toList();
        inReader(session -> session.forget(checked));
    }

    private void inReader(java.util.function.Consumer<Session> command) {
        Engine current = require();
        CompletableFuture<Void> future = new CompletableFuture<>();
        current.post(nowNs -> {
            command.accept(current.session);
            future.complete(null);
        }, future);
        await(future, options.requestTimeout);
    }

    // The stream.

    /**
     * Takes the next message or event.
     *
     * @param timeout How long to wait at most; zero does not wait, null waits until
     *     {@link #disconnect}.
     * @return The item; null at the deadline, or when disconnected and everything was read.
     * @throws NotConnected {@link #connect} was never called; or the reader thread failed, and
     *     everything before that was read.
     * @throws InterruptedException The thread was interrupted; nothing was taken.
     */
    public StreamItem nextMessage(Duration timeout) throws InterruptedException {
        Engine current = require();
        Entry entry = current.take(timeout == null ? Long.MAX_VALUE : timeout.toNanos());
        if (entry instanceof Entry.Told told) {
            return told.event();
        }
        return entry == null ? null : decode(current, (Entry.Pending) entry);
    }

    private StreamItem decode(Engine current, Entry.Pending message) {
        try {
            return message.decode();
        } catch (CodecError error) {
            // A message that cannot be read is a message lost.
            undecodedCount.incrementAndGet();
            Route route = message.route;
            Header header = message.header;
            current.heal(route.topic);
            return new Event.Gap(route.topic, header.sequence, header.sequence, false,
                    header.epoch, !route.hasValue);
        }
    }

    /**
     * Goes through messages and events until {@link #disconnect}; an interrupt ends it too, and
     * leaves the thread's interrupt status set.
     */
    @Override
    public Iterator<StreamItem> iterator() {
        return new Iterator<>() {
            private StreamItem ahead;

            @Override
            public boolean hasNext() {
                try {
                    ahead = ahead == null ? nextMessage(null) : ahead;
                } catch (InterruptedException interruption) {
                    Thread.currentThread().interrupt();
                }
                return ahead != null;
            }

            @Override
            public StreamItem next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                StreamItem item = ahead;
                ahead = null;
                return item;
            }
        };
    }

    // Requests.

    /**
     * Calls any method of the gateway.
     *
     * @param method Its name.
     * @param params Its parameters: texts, numbers, booleans, lists and maps.
     * @param timeout How long to wait for the reply.
     * @return Its result: null, Boolean, Long (BigInteger above 2^63-1), Double, String, List and
     *     Map.
     * @throws NotConnected Not connected, or the connection was given up meanwhile.
     * @throws RequestTimedOut No reply in time.
     * @throws GatewayClientException.RequestRefused The gateway answered with an error.
     */
    @Override
    public Object call(String method, Map<String, ?> params, Duration timeout) {
        Options.checkDuration("timeout", timeout);
        return await(require().call(method, params, timeout.toNanos()), timeout);
    }

    @Override
    List<Map<String, Object>> localIssues() {
        return require().link != Link.SILENT ? List.of() : List.of(Results.issue("data_silent",
                "no heartbeat on the data connection", "The client reconnects by itself; check the "
                        + "gateway and the network between."));
    }

    private Engine require() {
        Engine current = engine;
        if (current == null) {
            throw new NotConnected("not connected");
        }
        return current;
    }

    private static <T> T await(CompletableFuture<T> future, Duration timeout) {
        try {
            return future.get(timeout.toNanos() + GRACE_NS, TimeUnit.NANOSECONDS);
        } catch (ExecutionException error) {
            throw (GatewayClientException) error.getCause();
        } catch (TimeoutException error) {
            throw new RequestTimedOut("the reader thread does not answer", RequestTimedOut.HINT);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new RequestError("interrupted",
                    "The gateway may still have acted on it.", "interrupted while waiting");
        }
    }
}
