"""The `F` line: 57 fields, in the order of protocol 6.1 and later and in the older one."""

import random
from typing import Final

from gateway.simulator.eastern import day_date
from gateway.simulator.instruments import FUTURE, Instrument

NAMES: Final = (
    "Symbol", "Exchange ID", "PE", "Average Volume", "52 Week High", "52 Week Low",
    "Calendar Year High", "Calendar Year Low", "Dividend Yield", "Dividend Amount",
    "Dividend Rate", "Pay Date", "Ex-dividend Date", "Current Year EPS", "Next Year EPS",
    "Five-year Growth Percentage", "Fiscal Year End", "Company Name", "Root Option Symbol",
    "Percent Held By Institutions", "Beta", "Leaps", "Current Assets", "Current Liabilities",
    "Balance Sheet Date", "Long-term Debt", "Common Shares Outstanding", "Split Factor 1",
    "Split Factor 2", "Format Code", "Precision", "SIC", "Historical Volatility",
    "Security Type", "Listed Market", "52 Week High Date", "52 Week Low Date",
    "Calendar Year High Date", "Calendar Year Low Date", "Year End Close", "Maturity Date",
    "Coupon Rate", "Expiration Date", "Strike Price", "NAICS", "Exchange Root",
    "Option Premium Multiplier", "Option Multiple Deliverable", "Session Open", "Session Close",
    "Base Currency", "Contract Size", "Contract Months", "Minimum Tick Size",
    "First Delivery Date", "FIGI", "Security SubType",
)  # fmt: skip
"""Protocol 6.1 and 6.2."""

OLD_NAMES: Final = (
    *NAMES[:13], "(Reserved)", "(Reserved)", "(Reserved)", "Short Interest", "(Reserved)",
    "Current Year EPS", "Next Year EPS", "Five-year Growth Percentage", "Fiscal Year End",
    "(Reserved)", *NAMES[17:27], "(Reserved)", "Split Factor 1", "Split Factor 2", "(Reserved)",
    "(Reserved)", *NAMES[29:48],
)  # fmt: skip
"""Protocol 6.0 and older."""


def names_of(protocol: str) -> tuple[str, ...]:
    """The field names of a protocol's `F` line, in order."""
    return NAMES if protocol in ("6.1", "6.2") else OLD_NAMES


def fundamental_values(instrument: Instrument, *, seed: int, day: int) -> dict[str, str]:
    """Every fundamental value of a symbol, by name; a missing name is an empty field.

    Args:
        instrument: The symbol.
        seed: Same seed, same values.
        day: Days since the epoch; dates lie before it.

    Returns:
        Rendered values.
    """
    rng = random.Random(f"{seed}/{instrument.symbol}/fundamental")
    scale = 10**instrument.decimals
    price = instrument.start_ticks * instrument.tick_units / scale
    high, low = price * rng.uniform(1.12, 1.6), price * rng.uniform(0.5, 0.88)
    dates = [f"{day_date(day - rng.randint(20, 300)):%m/%d/%Y}" for _ in range(5)]
    values = {
        "Symbol": instrument.symbol,
        "Exchange ID": f"{instrument.exchange:X}",
        "Company Name": instrument.name,
        "Format Code": "14",
        "Precision": str(instrument.decimals),
        "Security Type": str(instrument.security_type),
        "Listed Market": str(instrument.listed_market),
        "52 Week High": f"{high:.{instrument.decimals}f}",
        "52 Week Low": f"{low:.{instrument.decimals}f}",
        "Calendar Year High": f"{high * 0.98:.{instrument.decimals}f}",
        "Calendar Year Low": f"{low * 1.02:.{instrument.decimals}f}",
        "52 Week High Date": dates[0],
        "52 Week Low Date": dates[1],
        "Calendar Year High Date": dates[2],
        "Calendar Year Low Date": dates[3],
        "Year End Close": f"{price * rng.uniform(0.8, 1.2):.{instrument.decimals}f}",
        "Historical Volatility": f"{rng.uniform(8, 60):.2f}",
        "Base Currency": "USD",
    }
    if instrument.is_equity:
        values |= _equity_values(instrument, rng, price=price, balance_date=dates[4])
    if instrument.security_type == FUTURE:
        values |= {
            "Exchange Root": instrument.symbol[:3],
            "Contract Size": "50",
            "Contract Months": "HMUZ",
            "Minimum Tick Size": f"{instrument.tick_units / scale:g}",
            "Session Open": "18:00:00",
            "Session Close": "17:00:00",
            "Expiration Date": f"{day_date(day + rng.randint(5, 80)):%m/%d/%Y}",
        }
    return values


def _equity_values(
    instrument: Instrument, rng: random.Random, *, price: float, balance_date: str
) -> dict[str, str]:
    return {
        "PE": f"{rng.uniform(8, 70):.1f}",
        "Average Volume": str(rng.randint(50, 60_000) * 1000),
        "Current Year EPS": f"{price / rng.uniform(8, 70):.2f}",
        "Five-year Growth Percentage": f"{rng.uniform(-0.05, 0.2):.2f}",
        "Fiscal Year End": f"{rng.choice((3, 6, 9, 12)):02d}",
        "Root Option Symbol": instrument.symbol.split(".")[0].split("-")[0],
        "Percent Held By Institutions": f"{rng.uniform(5, 95):.3f}",
        "Beta": f"{rng.uniform(0.2, 2.4):.2f}",
        "Current Assets": f"{rng.uniform(10, 160_000):.1f}",
        "Current Liabilities": f"{rng.uniform(10, 90_000):.1f}",
        "Balance Sheet Date": balance_date,
        "Long-term Debt": f"{rng.uniform(0, 80_000):.1f}",
        "Common Shares Outstanding": str(rng.randint(9_000, 9_000_000)),
        "Split Factor 1": "0.50 02/18/2003",
        "SIC": str(rng.randint(1000, 8999)),
        "NAICS": str(rng.randint(110_000, 928_000)),
        "Session Open": "09:30:00",
        "Session Close": "16:00:00",
    }


def fundamental_line(values: dict[str, str], protocol: str) -> str:
    """The `F` line without its line end.

    Args:
        values: What `fundamental_values` gave.
        protocol: The connection's protocol, which decides the order.

    Returns:
        `F`, 57 fields and the trailing comma.
    """
    fields = [values.get(name, "") for name in names_of(protocol)]
    return f"F,{','.join(fields)},"
