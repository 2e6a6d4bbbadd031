"""One complete message of each kind: what the test vectors are varied from."""

from collections.abc import Mapping
from dataclasses import dataclass

EPOCH = 1_763_884_800_000
RECV_US = 1_763_884_812_345_678
EVENT_US = 1_763_884_812_340_001
NONCE = "0123456789abcdefABCDEF"


@dataclass(frozen=True, slots=True)
class Sample:
    """A topic and the values of a body's fields after the header, in wire order."""

    kind: str
    symbol: str
    fields: Mapping[str, object]
    event_us: int | None = EVENT_US


SAMPLES: Mapping[str, Sample] = {
    "quote": Sample(
        "quote",
        "AAPL",
        {
            "bid": 188.25,
            "bid_size": 100,
            "ask": 188.36,
            "ask_size": 300,
            "bid_us": EVENT_US - 20,
            "ask_us": EVENT_US,
            "bid_market_center": 11,
            "ask_market_center": 187,
            "merged": 1,
        },
    ),
    "trade": Sample(
        "trade",
        "AAPL",
        {
            "price": 188.35,
            "size": 150,
            "trade_id": 1296380724,
            "market_center": 19,
            "conditions": "873D17",
            "basis": "C",
            "aggressor": 0,
            "total_volume": 52650,
            "bid": 188.25,
            "ask": 188.36,
        },
    ),
    "summary": Sample(
        "summary",
        "@ESZ25",
        {
            "last": 6614.25,
            "last_size": 2,
            "last_us": EVENT_US,
            "open": 6590.0,
            "high": 6640.5,
            "low": 6588.75,
            "close": 6592.0,
            "settle": 6591.75,
            "total_volume": 1412003,
            "vwap": 6612.8134,
            "open_interest": 2011456,
            "number_of_trades": 398211,
            "last_conditions": "01",
            "last_market_center": 34,
            "merged": 4,
        },
    ),
    "fundamental": Sample(
        "fundamental",
        "MSFT",
        {
            "fields": {
                "exchange_id": "5",
                "price_earnings_ratio": 65.6,
                "average_volume": 28624000,
                "high_52_week": 97.95,
                "company_name": "MICROSOFT",
                "balance_sheet_date": "2018-03-31",
                "split_factor_1": "0.50 02/18/2003",
                "precision": 4,
                "naics": "511210",
                "session_open": "09:00:00",
            }
        },
        event_us=None,
    ),
    "depth": Sample(
        "depth",
        "@ESZ25",
        {
            "action": "update",
            "side": "B",
            "price": 6614.0,
            "size": 57,
            "order_count": 12,
            "precision": 2,
        },
    ),
    "order": Sample(
        "order",
        "@ESZ25",
        {
            "action": "add",
            "side": "A",
            "order_id": 648907593934,
            "market_maker": "NSDQ",
            "price": 6614.5,
            "size": 3,
            "priority": 39311874221,
            "precision": 2,
        },
    ),
    "book": Sample(
        "book",
        "@ESZ25",
        {
            "bids": [[6614.0, 57, 12], [6613.75, 101, 30]],
            "asks": [[6614.25, 44, 9], [6614.5, 88, None]],
            "merged": 3,
        },
    ),
    "news": Sample(
        "news",
        "DTN",
        {
            "distributor": "DTN",
            "story_id": "22094837561",
            "symbols": ["AAPL", "MSFT"],
            "headline": "Stocks rise, bonds fall",
        },
    ),
    "state": Sample(
        "state",
        "AAPL",
        {
            "state": "stale",
            "cause": "dtn_link_down",
            "since_us": RECV_US - 1_000_000,
            "details": {"message": "IQConnect has lost DTN."},
        },
        event_us=None,
    ),
    "regional": Sample(
        "regional",
        "AAPL",
        {
            "bid": 188.2,
            "bid_size": 200,
            "bid_us": EVENT_US - 3,
            "ask": 188.4,
            "ask_size": 100,
            "ask_us": EVENT_US,
            "market_center": 7,
        },
    ),
    "correction": Sample(
        "correction",
        "SPY",
        {
            "action": "insert",
            "basis": "O",
            "price": 619.05,
            "size": 15000,
            "trade_id": 859256116,
            "conditions": "198944",
            "market_center": 24,
            "trade_us": EVENT_US - 60_000_000,
        },
    ),
    "bar": Sample(
        "bar",
        "AAPL",
        {
            "interval": 60,
            "interval_type": "s",
            "open_us": EVENT_US - 60_000_000,
            "close_us": EVENT_US,
            "open": 188.3,
            "high": 188.4,
            "low": 188.21,
            "close": 188.35,
            "volume": 4200,
            "total_volume": 52650,
            "number_of_trades": 61,
            "is_final": True,
        },
    ),
    "image": Sample(
        f"~{NONCE}.order",
        "@ESZ25",
        {
            "rows": [
                ["add", "B", 648907593934, None, 6614.0, 3, 1, 2],
                ["add", "B", 648907593935, None, 6613.75, 9, 2, 2],
                ["add", "A", 648907593936, None, 6614.25, 1, 3, 2],
            ]
        },
        event_us=None,
    ),
    "heartbeat": Sample(
        "sys",
        "heartbeat",
        {
            "details": {
                "gateway_id": "gateway-1",
                "version": "0.1.0",
                "now_us": RECV_US,
                "uptime_s": 12,
                "upstream": {"level1": "streaming", "admin": "streaming"},
                "symbols": 500,
                "clients": 3,
                "degraded": [],
                "tails_sequence": 9,
            }
        },
        event_us=None,
    ),
    "tails": Sample(
        "sys",
        "tails",
        {"details": {"topics": {"trade,AAPL,": 7114, "quote@250,@ESZ25,": 2**53 - 1}}},
        event_us=None,
    ),
    "alert": Sample(
        "sys",
        "alert",
        {
            "details": {
                "event": "raised",
                "code": "latency",
                "level": "warning",
                "message": "Latency is above its threshold.",
                "hint": "Look for a busy processor.",
                "since_us": RECV_US,
            }
        },
        event_us=None,
    ),
    "feed": Sample(
        "sys",
        "feed",
        {
            "details": {
                "port": "level1",
                "from": "streaming",
                "to": "stale",
                "cause": "link_silent",
                "at_us": RECV_US,
            }
        },
        event_us=None,
    ),
    "goodbye": Sample(
        "sys",
        "goodbye",
        {"details": {"reason": "restart", "resume_expected": True}},
        event_us=None,
    ),
    "client": Sample(
        f"~{NONCE}.sys",
        "client",
        {
            "details": {
                "notice": "skip",
                "message": "Quotes were skipped because reading is slow.",
                "topic": "quote,AAPL,",
                "skipped": 214,
            }
        },
        event_us=None,
    ),
}
