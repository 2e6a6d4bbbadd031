package io.iqfeedgateway.client;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Which topics are followed, by themselves or because a kind prefix is. No I/O. */
final class Routes {
    /** Topics known at a time; what a prefix brings beyond that is not followed. */
    static final int ROUTES_MAX = 200_000;

    private final Map<String, Route> routes = new LinkedHashMap<>();
    private final Set<String> prefixes = new HashSet<>();

    /** Follows a topic, or everything under a kind prefix such as {@code news,}. */
    void add(String topic) {
        if (Topics.isPrefix(topic)) {
            prefixes.add(topic);
        } else {
            routes.computeIfAbsent(topic, Route::new).isOfPrefix = false;
        }
    }

    /** Stops following a topic, or what a prefix alone brought; returns what is gone. */
    List<Route> remove(String topic) {
        List<Route> gone = new ArrayList<>();
        if (prefixes.remove(topic)) {
            routes.values().stream()
                    .filter(route -> route.isOfPrefix && route.topic.startsWith(topic))
                    .forEach(gone::add);
            gone.forEach(route -> routes.remove(route.topic));
        }
        Route route = routes.remove(topic);
        if (route != null) {
            gone.add(route);
        }
        return gone;
    }

    /** What is known of a topic; null when it is not followed. */
    Route get(Object topic) {
        return routes.get(topic);
    }

    /** The same, beginning to follow a topic of a prefix. */
    Route getOrFollow(String topic) {
        Route route = routes.get(topic);
        if (route != null || prefixes.isEmpty() || routes.size() >= ROUTES_MAX
                || !prefixes.contains(topic.substring(0, topic.indexOf(',') + 1))) {
            return route;
        }
        Route made = new Route(topic);
        made.isOfPrefix = true;
        routes.put(topic, made);
        return made;
    }

    Collection<Route> all() {
        return routes.values();
    }
}
