import io.iqfeedgateway.client.BookMirror;
import io.iqfeedgateway.client.GatewayClient;
import io.iqfeedgateway.client.Message.PriceLevel;
import io.iqfeedgateway.client.Options;
import io.iqfeedgateway.client.StreamItem;
import java.time.Duration;
import java.util.List;

/** Keeps a copy of an order book and prints its three best levels, ten times. */
public class Book {
    private static final String SYMBOL = "@ES#";

    public static void main(String[] arguments) throws InterruptedException {
        BookMirror mirror = new BookMirror("order", SYMBOL);
        try (GatewayClient client = GatewayClient.open(Options.fromEnvironment())) {
            client.subscribeSymbol(SYMBOL, "order", "state");
            for (int lines = 0; lines < 10; ) {
                StreamItem item = client.nextMessage(Duration.ofSeconds(30));
                if (item == null) {
                    throw new IllegalStateException("no book: " + mirror.reason());
                }
                if (mirror.apply(item) && mirror.isCurrent() && !mirror.isStale()) {
                    System.out.println(side(mirror.bids()) + " | " + side(mirror.asks()));
                    lines++;
                }
            }
        }
    }

    private static String side(List<PriceLevel> levels) {
        StringBuilder text = new StringBuilder();
        for (PriceLevel level : levels.subList(0, Math.min(3, levels.size()))) {
            text.append(' ').append(level.price()).append('x').append(level.size());
        }
        return text.toString();
    }
}
