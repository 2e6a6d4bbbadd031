"""Which connection a symbol belongs to."""

from collections import Counter

from gateway.policy.shards import shard_of


def test_a_symbol_always_has_the_same_connection() -> None:
    """In every run and on every machine: CRC-32, whose check value for these digits is public."""
    assert [shard_of("123456789", count) for count in (4, 7, 10)] == [
        0xCBF43926 % count for count in (4, 7, 10)
    ]
    assert {shard_of(s, 1) for s in ("AAPL", "MSFT", "@ES#")} == {0}


def test_symbols_are_shared_out_evenly() -> None:
    """A connection that has most of the symbols helps little."""
    counts = Counter(shard_of(f"SYM{number}", 4) for number in range(4_000))
    assert set(counts) == {0, 1, 2, 3}
    assert min(counts.values()) > 900
