import io.iqfeedgateway.client.GatewayClient;
import io.iqfeedgateway.client.Message;
import io.iqfeedgateway.client.Options;
import io.iqfeedgateway.client.StreamItem;
import java.time.Duration;
import java.util.List;

/** Asks once for the last quote and the day's figures of a symbol. */
public class Snapshot {
    public static void main(String[] arguments) throws InterruptedException {
        try (GatewayClient client = GatewayClient.open(Options.fromEnvironment())) {
            client.subscribeSymbol("AAPL", "quote", "summary");
            StreamItem item;
            do { // Nothing is known of a symbol before the gateway has heard of it.
                item = client.nextMessage(Duration.ofSeconds(30));
            } while (item != null && !(item instanceof Message.Quote));
            List<Message> values = client.snapshot(List.of("quote,AAPL,", "summary,AAPL,"));
            values.forEach(System.out::println);
        }
    }
}
