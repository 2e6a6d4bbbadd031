package io.iqfeedgateway.client;

import io.iqfeedgateway.client.GatewayClientException.InvalidArgument;
import io.iqfeedgateway.client.GatewayClientException.SecurityValidation;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Symbols, kinds and topics: their grammar, in one place.
 *
 * <p>A topic is {@code kind,symbol,}. A kind may carry a variant ({@code quote@250}), and a private
 * snapshot topic is {@code ~<nonce>.kind,symbol,}: subscribing to it is the request for a snapshot.
 */
final class Topics {
    static final String HEARTBEAT = "sys,heartbeat,";
    static final String TAILS = "sys,tails,";
    /** What every client listens to. */
    static final List<String> SYS =
            List.of(HEARTBEAT, TAILS, "sys,alert,", "sys,feed,", "sys,goodbye,");

    /** Kinds whose snapshot is an image of the whole book. */
    static final Set<String> BOOK_EVENT_KINDS = Set.of("depth", "order");

    /** Kinds whose snapshot only tells where the sequence stands. */
    static final Set<String> BASELINE_KINDS = Set.of("trade", "correction", "news");

    /** Everything a symbol can be subscribed to, without variants. */
    static final Set<String> KINDS = union(Contract.STATE_KINDS, Contract.EVENT_KINDS);

    /** About 119 random bits; the contract asks for 14 to 32 characters and at least 80 bits. */
    static final int NONCE_CHARACTERS = 20;

    private static final Map<String, List<String>> LEVEL_KINDS =
            Map.of("l1", Contract.L1_KINDS, "l2", Contract.L2_KINDS);
    private static final Set<String> VARIANT_KINDS = variantKinds();
    private static final String SYMBOL_HINT = ErrorCode.SYMBOL_INVALID.hint;
    private static final Pattern SYMBOL =
            Pattern.compile("(?! )[A-Z0-9@+#$=./!&^_%\\- ]{1,48}(?<! )");
    private static final Pattern VARIANT = Pattern.compile("[1-9][0-9]{0,4}");
    private static final Pattern BOOK_VARIANT =
            Pattern.compile("[1-9][0-9]{0,4}(?:x[1-9][0-9]{0,2})?");
    private static final Pattern TOPIC =
            Pattern.compile("([a-z]+)(?:@([1-9][0-9x]{0,8}))?,(?:[!-+\\--~ ]{1,64},)?");
    private static final String NONCE_ALPHABET =
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private static final SecureRandom RANDOM = new SecureRandom();

    private Topics() {
    }

    private static Set<String> union(Set<String> some, Set<String> others) {
        Set<String> all = new TreeSet<>(some);
        all.addAll(others);
        return all;
    }

    private static Set<String> variantKinds() {
        Set<String> kinds = new TreeSet<>();
        for (Layout layout : Contract.LAYOUTS) {
            if (layout.hasVariants()) {
                kinds.add(layout.name());
            }
        }
        return kinds;
    }

    /**
     * Refuses a symbol that must not reach the gateway.
     *
     * @return The same symbol, never re-spelled: IQFeed's symbols are case-sensitive.
     * @throws SecurityValidation Not 1 to 48 characters of the vendor's alphabet.
     */
    static String checkSymbol(String symbol) {
        if (symbol == null) {
            throw new SecurityValidation("symbol is not text", SYMBOL_HINT);
        }
        if (SYMBOL.matcher(symbol).matches()) {
            return symbol;
        }
        String upper = symbol.substring(0, Math.min(symbol.length(), 200)).strip()
                .toUpperCase(Locale.ROOT);
        if (SYMBOL.matcher(upper).matches()) {
            throw new SecurityValidation("symbol is not spelled as IQFeed spells it",
                    "Try \"" + upper + "\".", "symbol", symbol);
        }
        throw new SecurityValidation("symbol refused", SYMBOL_HINT, "symbol", symbol);
    }

    /**
     * Spells out {@code l1} and {@code l2}, and checks every kind.
     *
     * @return Each kind once, in the order asked.
     * @throws InvalidArgument No kind, or one that cannot be subscribed to.
     */
    static List<String> expandKinds(Collection<String> kinds) {
        Set<String> expanded = new LinkedHashSet<>();
        for (String kind : kinds) {
            for (String name : LEVEL_KINDS.getOrDefault(kind, List.of(String.valueOf(kind)))) {
                String base = baseKind(name);
                boolean isKnown = KINDS.contains(base) && (base.length() == name.length()
                        || isVariant(base, name.substring(base.length() + 1)));
                if (!isKnown) {
                    throw new InvalidArgument("unknown kind", "Use l1, l2 or one of "
                            + String.join(", ", KINDS) + ".", "kind", kind);
                }
                expanded.add(name);
            }
        }
        if (expanded.isEmpty()) {
            throw new InvalidArgument("no kinds", "Pass at least one, for example l1.");
        }
        return List.copyOf(expanded);
    }

    /** Whether a kind may carry a variant: {@code 250}, and for books {@code 250x5} too. */
    static boolean isVariant(String kind, String variant) {
        Pattern pattern = kind.equals("book") ? BOOK_VARIANT : VARIANT;
        return VARIANT_KINDS.contains(kind) && pattern.matcher(variant).matches();
    }

    /** Spells the topic of a kind and a symbol. */
    static String topicOf(String kind, String symbol) {
        return kind + "," + symbol + ",";
    }

    /**
     * Refuses what is neither a complete topic ({@code bar,AAPL,}) nor a kind prefix
     * ({@code news,}).
     *
     * @throws InvalidArgument Anything else, private topics and the empty prefix included.
     */
    static String checkTopic(String topic) {
        Matcher match = TOPIC.matcher(String.valueOf(topic));
        if (!match.matches()
                || (match.group(2) != null && !isVariant(match.group(1), match.group(2)))) {
            throw new InvalidArgument("not a topic", "Write `kind,symbol,` or the prefix `kind,`.",
                    "topic", topic);
        }
        return topic;
    }

    /** Whether a topic is a kind prefix such as {@code news,}. */
    static boolean isPrefix(String topic) {
        return topic.indexOf(',') == topic.length() - 1;
    }

    /** Strips the variant: {@code quote@250} becomes {@code quote}. */
    static String baseKind(String kind) {
        int at = kind.indexOf('@');
        return at < 0 ? kind : kind.substring(0, at);
    }

    /** Strips the nonce of a private kind; others stay as they are. */
    static String splitPrivate(String kind) {
        return kind.startsWith("~") ? kind.substring(kind.indexOf('.') + 1) : kind;
    }

    /** Draws a fresh nonce; two snapshot requests must never share one. */
    static String newNonce() {
        StringBuilder nonce = new StringBuilder(NONCE_CHARACTERS);
        for (int i = 0; i < NONCE_CHARACTERS; i++) {
            nonce.append(NONCE_ALPHABET.charAt(RANDOM.nextInt(NONCE_ALPHABET.length())));
        }
        return nonce.toString();
    }

    /** Cuts a list of symbols or topics into pieces that one request may carry. */
    static List<List<String>> chunks(List<String> items) {
        List<List<String>> parts = new ArrayList<>();
        for (int start = 0; start < items.size(); start += Contract.SYMBOLS_MAX) {
            int end = Math.min(items.size(), start + Contract.SYMBOLS_MAX);
            parts.add(List.copyOf(items.subList(start, end)));
        }
        return parts;
    }

    /** Kind without variant, or name of a `sys` message, to the numbers its topics may carry. */
    static Map<String, Set<Integer>> typesOfKinds() {
        Map<String, Integer> numbers = new HashMap<>();
        Contract.LAYOUTS.forEach(layout -> numbers.put(layout.name(), layout.type()));
        Map<String, Set<Integer>> types = new HashMap<>();
        for (Layout layout : Contract.LAYOUTS) {
            if (layout.role() != Layout.Role.SNAPSHOT_ONLY) {
                Set<Integer> carried = new LinkedHashSet<>();
                layout.carriers().forEach(name -> carried.add(numbers.get(name)));
                types.put(layout.name(), carried);
            }
        }
        return types;
    }
}
