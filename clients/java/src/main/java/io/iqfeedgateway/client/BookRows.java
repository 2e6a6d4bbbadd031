package io.iqfeedgateway.client;

import io.iqfeedgateway.client.Message.DepthRow;
import io.iqfeedgateway.client.Message.OrderRow;
import io.iqfeedgateway.client.Message.PriceLevel;
import io.iqfeedgateway.client.Message.Row;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The rows of one book, added up to price levels that are always in order. No I/O. */
final class BookRows {
    static final String BID = Contract.Side.BID;
    static final String ASK = Contract.Side.ASK;

    /** Rows of one price: by priority, then number (none last), then name (none first). */
    private static final Comparator<OrderRow> PLACE = Comparator
            .comparing(OrderRow::priority, Comparator.nullsLast(Long::compareUnsigned))
            .thenComparing(OrderRow::orderId, Comparator.nullsLast(Long::compareUnsigned))
            .thenComparing(OrderRow::marketMaker,
                    Comparator.nullsFirst(Comparator.<String>naturalOrder()));

    private static final class Level {
        final Map<Object, Row> rows = new LinkedHashMap<>();
        long size;
    }

    private record PriceKey(String side, double price) {
    }

    private record MakerKey(String marketMaker, String side) {
    }

    private final int rowsMax;
    private final Map<Object, Row> rows = new HashMap<>();
    /** Best first. */
    private final TreeMap<Double, Level> bids = new TreeMap<>(Comparator.reverseOrder());
    private final TreeMap<Double, Level> asks = new TreeMap<>();

    BookRows(int rowsMax) {
        this.rowsMax = rowsMax;
    }

    static boolean isSide(String side) {
        return BID.equals(side) || ASK.equals(side);
    }

    /** What a row is known by; -0.0 and 0.0 are one price. */
    static Object keyOf(Row row) {
        if (row instanceof DepthRow depth) {
            return new PriceKey(depth.side(), price(depth.price()));
        }
        OrderRow order = (OrderRow) row;
        return order.orderId() != null
                ? order.orderId() : new MakerKey(order.marketMaker(), order.side());
    }

    private static double price(Double price) {
        return price == null ? Double.NaN : price + 0.0;
    }

    /** The row that an update tells of. */
    static Row rowOf(Message update) {
        if (update instanceof Message.Order order) {
            return new OrderRow(Contract.Action.ADD, order.side(), order.orderId(),
                    order.marketMaker(), order.price(), order.size(), order.priority(),
                    order.precision());
        }
        Message.Depth depth = (Message.Depth) update;
        return new DepthRow(Contract.Action.ADD, depth.side(), depth.price(), depth.size(),
                depth.orderCount(), depth.precision());
    }

    static String actionOf(Message update) {
        return update instanceof Message.Order order
                ? order.action() : ((Message.Depth) update).action();
    }

    static String sideOf(Row row) {
        return row instanceof DepthRow depth ? depth.side() : ((OrderRow) row).side();
    }

    static Double priceOf(Row row) {
        return row instanceof DepthRow depth ? depth.price() : ((OrderRow) row).price();
    }

    private static long sizeOf(Row row) {
        Long size = row instanceof DepthRow depth ? depth.size() : ((OrderRow) row).size();
        return size == null ? 0 : size;
    }

    private TreeMap<Double, Level> side(String side) {
        return side.equals(BID) ? bids : asks;
    }

    /**
     * Adds a row with a side and a price, or replaces the one with its key, on whichever side that
     * stands; false when it is new and there is no place for it.
     */
    boolean put(Row row) {
        Object key = keyOf(row);
        if (!remove(key) && rows.size() >= rowsMax) {
            return false;
        }
        rows.put(key, row);
        Level level = side(sideOf(row))
                .computeIfAbsent(price(priceOf(row)), price -> new Level());
        level.rows.put(key, row);
        level.size += sizeOf(row);
        return true;
    }

    /** Removes a row; returns whether there was one. */
    boolean remove(Object key) {
        Row row = rows.remove(key);
        if (row == null) {
            return false;
        }
        TreeMap<Double, Level> levels = side(sideOf(row));
        double price = price(priceOf(row));
        Level level = levels.get(price);
        level.size -= sizeOf(level.rows.remove(key));
        if (level.rows.isEmpty()) {
            levels.remove(price);
        }
        return true;
    }

    /** Removes all rows of a side; returns whether there were any. */
    boolean clearSide(String side) {
        TreeMap<Double, Level> levels = side(side);
        levels.values().forEach(level -> rows.keySet().removeAll(level.rows.keySet()));
        boolean isAny = !levels.isEmpty();
        levels.clear();
        return isAny;
    }

    void clear() {
        rows.clear();
        bids.clear();
        asks.clear();
    }

    /** Adds up the best price of a side; null when it is empty. */
    PriceLevel best(String side) {
        Map.Entry<Double, Level> entry = side(side).firstEntry();
        return entry == null ? null : sum(entry.getKey(), entry.getValue());
    }

    /** Adds up every price of a side, best first. */
    List<PriceLevel> levels(String side) {
        List<PriceLevel> found = new ArrayList<>();
        side(side).forEach((price, level) -> found.add(sum(price, level)));
        return found;
    }

    private static PriceLevel sum(double price, Level level) {
        Row first = level.rows.values().iterator().next();
        Long count = first instanceof DepthRow depth
                ? depth.orderCount() : (Long) (long) level.rows.size();
        return new PriceLevel(price, level.size, count);
    }

    /** The rows of a side as an image lists them. */
    List<Row> inOrder(String side) {
        List<Row> found = new ArrayList<>();
        for (Level level : side(side).values()) {
            List<Row> here = new ArrayList<>(level.rows.values());
            if (here.get(0) instanceof OrderRow) {
                here.sort((a, b) -> PLACE.compare((OrderRow) a, (OrderRow) b));
            }
            found.addAll(here);
        }
        return found;
    }
}
