"""What a symbol looks like when it is first watched: yesterday, and today so far.

The market generates only what somebody watches. A symbol's first watch therefore finds a day that
is invented to fit the clock: a standing quote, volume, ids per market center, and a range.
"""

from typing import Final

from gateway.simulator import symbol_state as column
from gateway.simulator.eastern import (
    CLOSE_S,
    DAY_SECONDS,
    OPEN_S,
    POST_CLOSE_S,
    PRE_OPEN_S,
    SESSION_END_S,
    SESSION_START_S,
    Hours,
    Moment,
    Session,
    latest_weekday,
    moment_at,
)
from gateway.simulator.seeded_symbol import SeededSymbol

FRESH_S: Final = 60
"""A trading day younger than this has no trades yet."""


def make_up_day(state: SeededSymbol, moment: Moment) -> None:
    """Give a new symbol a past that fits the clock.

    Args:
        state: A symbol nothing has happened to.
        moment: Now.
    """
    rng, instrument = state.rng, state.instrument
    state.start_trading_day(moment)
    close = max(state.bid + rng.randint(-6, 6), 1)
    state.previous_close = close * instrument.tick_units
    state.columns[column.CLOSE_COLUMN] = state.text(close)
    elapsed_s = _elapsed_s(state.hours, moment)
    if instrument.weight == 0:
        day = latest_weekday(moment.second // DAY_SECONDS - rng.randint(4, 9))
        quoted_at = day * DAY_SECONDS + OPEN_S + rng.randrange(CLOSE_S - OPEN_S)
        _show_print(state, quoted_at, ticks=close, basis="C")
    else:
        _show_print(state, _last_close(state.hours, moment), ticks=close, basis="C")
        quoted_at = moment.second - 1
        if elapsed_s > FRESH_S:
            quoted_at = _last_active(state.hours, moment) - 1 - rng.randrange(40)
            _fill_figures(state, elapsed_s)
            _show_today(state, quoted_at, moment)
    state.set_bid(_time_text(state, quoted_at))
    state.set_ask(_time_text(state, quoted_at))


def _time_text(state: SeededSymbol, second: int) -> str:
    return f"{moment_at(second).prefix}{state.rng.randrange(1_000_000):06d}"


def _elapsed_s(hours: Hours, moment: Moment) -> int:
    """Seconds this trading day has run; 0 before its first session."""
    day, of_day = divmod(moment.second, DAY_SECONDS)
    if hours in (Hours.FUTURE, Hours.FOREX):
        return (of_day - SESSION_START_S) % DAY_SECONDS
    if moment.days[hours] != day:
        return DAY_SECONDS // 2
    starts = {Hours.EQUITY: PRE_OPEN_S, Hours.INDEX: OPEN_S}
    return max(of_day - starts.get(hours, 0), 0)


def _last_active(hours: Hours, moment: Moment) -> int:
    """The latest second at which the symbol's market was open."""
    if moment.sessions[hours] is not Session.CLOSED or hours not in (Hours.EQUITY, Hours.INDEX):
        return moment.second
    ends = POST_CLOSE_S if hours is Hours.EQUITY else CLOSE_S
    return min(moment.second, moment.days[hours] * DAY_SECONDS + ends)


def _last_close(hours: Hours, moment: Moment) -> int:
    """A second just before the end of the latest session of an earlier trading day."""
    day = moment.days[hours]
    if hours is Hours.ALWAYS:
        return day * DAY_SECONDS - 2
    ends = SESSION_END_S if hours in (Hours.FUTURE, Hours.FOREX) else CLOSE_S
    return latest_weekday(day - 1) * DAY_SECONDS + ends - 2


def _fill_figures(state: SeededSymbol, elapsed_s: int) -> None:
    """Volume and ids as if the market had run since the day began."""
    instrument = state.instrument
    pace = min(instrument.weight, 4.0) * state.rng.uniform(0.03, 0.07)
    trades = 40 + round(elapsed_s * pace)
    for center in dict.fromkeys(instrument.trade_centers):
        share = instrument.trade_centers.count(center) / 256
        state.tick_ids[center] = max(round(trades * share), 1)
    state.trade_count = sum(state.tick_ids.values())
    state.volume = state.trade_count * (sum(instrument.trade_sizes) // 256)
    state.weighted_size = state.volume
    state.notional = state.volume * state.bid * instrument.tick_units
    state.columns[column.TOTAL_VOLUME] = str(state.volume)
    state.columns[column.TRADE_COUNT] = str(state.trade_count)


def _show_today(state: SeededSymbol, quoted_at: int, moment: Moment) -> None:
    """The range and the latest prints of a day that is under way."""
    hours, units = state.hours, state.instrument.tick_units
    opened_at = moment.days[hours] * DAY_SECONDS + OPEN_S
    has_opened = hours not in (Hours.EQUITY, Hours.INDEX) or moment.second > opened_at
    if has_opened:
        low = max(state.bid - 4, 1)
        state.open, state.high, state.low = state.bid * units, (state.ask + 4) * units, low * units
        state.columns[column.OPEN_COLUMN] = state.text(state.bid)
        state.columns[column.HIGH_COLUMN] = state.text(state.ask + 4)
        state.columns[column.LOW_COLUMN] = state.text(low)
        latest = opened_at - OPEN_S + CLOSE_S - 1 if hours is Hours.EQUITY else quoted_at
        _show_print(state, min(quoted_at, latest), ticks=state.bid, basis="C", is_today=True)
    if hours is Hours.EQUITY and moment.sessions[hours] is not Session.REGULAR:
        _show_print(state, quoted_at, ticks=state.bid, basis="E", is_today=True)


def _show_print(
    state: SeededSymbol, second: int, *, ticks: int, basis: str, is_today: bool = False
) -> None:
    """Show an earlier print without counting it: it is part of the made-up figures."""
    instrument, columns = state.instrument, state.columns
    at = moment_at(second)
    figures = (state.volume, state.notional, state.weighted_size, state.trade_count)
    size = instrument.trade_sizes[state.rng.randrange(256)]
    center = instrument.trade_centers[0]
    previous_high, previous_low = columns[column.HIGH_COLUMN], columns[column.LOW_COLUMN]
    was_open = state.open
    state.apply_trade(
        state.text(ticks),
        ticks * instrument.tick_units,
        size,
        basis=basis,
        volume=state.volume,
        time=_time_text(state, second),
        date=at.date_text,
    )
    state.set_center(center, basis)
    columns[column.TRADE_CONDITIONS] = "01" if basis == "C" else "17"
    columns[column.TRADE_AGGRESSOR] = "2" if instrument.has_aggressor else "0"
    columns[column.TRADE_DAY_CODE] = at.date_text[3:5].lstrip("0")
    tick_id = state.tick_ids[center] if is_today else state.rng.randint(300, 3000)
    columns[column.TICK_ID] = str(tick_id)
    state.volume, state.notional, state.weighted_size, state.trade_count = figures
    columns[column.TRADE_COUNT] = str(state.trade_count)
    if was_open is None:
        state.open = None
        columns[column.OPEN_COLUMN] = ""
        columns[column.HIGH_COLUMN], columns[column.LOW_COLUMN] = previous_high, previous_low
