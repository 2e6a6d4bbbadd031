import io.iqfeedgateway.client.GatewayClient;
import io.iqfeedgateway.client.Message;
import io.iqfeedgateway.client.Options;
import io.iqfeedgateway.client.StreamItem;
import java.time.Duration;
import java.util.List;

/** Prints ten quotes and trades. */
public class Quotes {
    public static void main(String[] arguments) throws InterruptedException {
        try (GatewayClient client = GatewayClient.open(Options.fromEnvironment())) {
            client.subscribeSymbols(List.of("AAPL", "MSFT"), "l1");
            for (int lines = 0; lines < 10; ) {
                StreamItem item = client.nextMessage(Duration.ofSeconds(30));
                if (item instanceof Message.Quote quote) {
                    System.out.println(quote.symbol() + " " + quote.bid() + " / " + quote.ask());
                    lines++;
                } else if (item instanceof Message.Trade trade) {
                    System.out.println(trade.symbol() + " " + trade.price() + " x " + trade.size());
                    lines++;
                }
            }
        }
    }
}
