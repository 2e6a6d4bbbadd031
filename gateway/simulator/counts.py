"""Everything the simulator counts."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Counts:
    """Plain numbers since the start; one thread writes them."""

    lines_sent: int = 0
    """Lines handed to all sockets."""
    bytes_sent: int = 0
    """Bytes handed to all sockets."""
    lines_received: int = 0
    """Command lines read from all sockets."""
    events: int = 0
    """Market events that reached at least one socket."""
    trades_sent_c: int = 0
    """Last qualified trades that reached at least one socket."""
    trades_sent_e: int = 0
    """Extended trades that reached at least one socket."""
    trades_sent_o: int = 0
    """Other trades that reached at least one socket."""
    quotes_sent: int = 0
    """Events without a trade that reached at least one socket."""
    corrections_sent: int = 0
    """Trade corrections that reached at least one socket."""
    snapshots_sent: int = 0
    """Pairs of F and P."""
    timestamps_sent: int = 0
    """T lines, one for each socket."""
    headlines_sent: int = 0
    """News lines, one for each socket."""
    regionals_sent: int = 0
    """Regional lines."""
    depth_events: int = 0
    """Changes of books that somebody watches, each with all of its lines."""
    depth_lines_sent: int = 0
    """Level 2 data lines, one for each socket."""
    depth_clears: int = 0
    """Books taken back by CLEAR DEPTH, one for each socket."""
    depth_refused: int = 0
    """Depth asked of symbols that have none."""
    watches_refused: int = 0
    """Watches beyond the symbol limit."""
    symbols_unknown: int = 0
    """Watches of symbols that do not exist."""
    syntax_errors: int = 0
    """Commands that were not understood."""
    clients_accepted: int = 0
    """Connections opened, all ports."""
    slow_clients_closed: int = 0
    """Connections closed because their reader fell too far behind."""
    oversize_commands: int = 0
    """Connections closed because a command line was too long."""
    events_skipped: int = 0
    """Events not generated because this host was late."""
    tape_rows_sent: int = 0
    """Rows of the tape that were replayed."""
    tape_rows_malformed: int = 0
    """Rows of the tape that were not understood."""
    expected_trades_dropped: int = 0
    """Trades sent but not recorded, the record being full."""
    trades_unsent: int = 0
    """Trades of watched symbols that a fault kept from every socket."""
    lines_lost: int = 0
    """Lines said to half-open connections, which arrive nowhere."""
    bytes_lost: int = 0
    """Bytes said to half-open connections."""
    lines_silenced: int = 0
    """Lines of silent symbols that were not sent, one for each socket."""
    lines_duplicated: int = 0
    """Level 1 updates sent twice."""
    lines_swapped: int = 0
    """Level 1 updates sent after the one that followed."""
    lines_cut: int = 0
    """Level 1 updates whose end was missing."""
    logins_accepted: int = 0
    """S,CONNECT that brought the login about."""
    logins_refused: int = 0
    """S,CONNECT without registration, login and password that fit."""

    control_clients_refused: int = 0
    """Clients of the control port beyond its limit."""
    control_clients_lost: int = 0
    """Clients of the control port that did not wait for their answer."""
    control_lines_refused: int = 0
    """Lines of the control port that were no commands."""
    timeline_faults: int = 0
    """Faults that the timeline let happen."""
    timeline_faults_refused: int = 0
    """Faults of the timeline that could not happen."""

    def as_map(self) -> dict[str, int]:
        """Every count by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
