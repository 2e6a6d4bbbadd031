"""The command line: arguments to settings to exit code."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import __version__
from gateway.commands.audit import audit_app
from gateway.commands.config_option import ConfigOption
from gateway.commands.endpoints import CONTROL_ENDPOINT, DATA_ENDPOINT, problem_of_endpoint
from gateway.commands.keys import keys_app
from gateway.commands.probe import probe
from gateway.commands.usage import usage
from gateway.errors import ConfigError
from gateway.logs import set_up_logging
from gateway.settings import Credentials, load_relay_settings

EXIT_CONFIG = 78
"""`EX_CONFIG` of sysexits.h: do not start it again before something is corrected."""

app = typer.Typer(
    name="iqfeed-gateway",
    help="Live prices from DTN IQFeed over ZeroMQ, with every loss visible.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _check_endpoint(given: str | None) -> str | None:
    """Refuse what is no address while it can still be named."""
    problem = problem_of_endpoint(given) if given is not None else ""
    if problem:
        raise typer.BadParameter(problem)
    return given


DataOption = Annotated[
    str,
    typer.Option("--data", help="The gateway's data socket.", callback=_check_endpoint),
]
ControlOption = Annotated[
    str,
    typer.Option("--control", help="The gateway's control socket.", callback=_check_endpoint),
]
FaultPortOption = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Takes faults, on this machine only; 0: any free one."),
]
KeysOption = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="IQGW_CLIENT_KEYS",
        show_envvar=True,
        help="Key file of a client, as `keys new` writes it.",
    ),
]
TimelineOption = Annotated[Path | None, typer.Option(help="YAML list of faults and their times.")]


def main() -> None:
    """Run the command line; the entry point of `iqfeed-gateway` and `iqgw`."""
    try:
        app()
    except ConfigError as error:
        failed = "not done" if sys.argv[1:2] in (["keys"], ["usage"]) else "cannot start"
        sys.stderr.write(f"{failed}: {error}\n  what to do: {error.hint}\n")
        sys.exit(EXIT_CONFIG)


app.add_typer(audit_app, name="audit")
app.add_typer(keys_app, name="keys")
app.command()(probe)
app.command()(usage)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def run(config: ConfigOption = None) -> None:
    """Run the gateway against IQConnect."""
    from gateway.commands.run import run_configured

    raise typer.Exit(run_configured(config))


@app.command()
def relay(
    config: ConfigOption = None,
    data: Annotated[str | None, typer.Option("--data", help="The gateway's data socket.")] = None,
    control: Annotated[
        str | None, typer.Option("--control", help="The gateway's control socket.")
    ] = None,
    bind_data: Annotated[
        str | None, typer.Option(help="Where consumers subscribe; by default port 7710.")
    ] = None,
    bind_control: Annotated[
        str | None, typer.Option(help="Where consumers ask; by default port 7711.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The relay's name at the gateway.")] = None,
) -> None:
    """Pass a gateway's data and requests on to many consumers, for one subscription of it."""
    from gateway.commands.log_setup import RunningLog
    from gateway.commands.loops import run_program
    from gateway.commands.relay import run_relay

    options = {
        "data": data,
        "control": control,
        "bind_data": bind_data,
        "bind_control": bind_control,
        "name": name,
    }
    settings = load_relay_settings(config, options=options)
    log = RunningLog(settings, Credentials.none(), is_relay=True)
    raise typer.Exit(run_program(lambda: run_relay(settings, log_counts=log.counts)))


@app.command()
def simulate(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 9300,
    level1_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 5009,
    level2_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 9200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same market.")] = 1,
    rate: Annotated[float, typer.Option(min=0, max=100_000, help="Lines a second.")] = 1000.0,
    depth_rate: Annotated[
        float, typer.Option(min=0, max=100_000, help="Changes a second deep in watched books.")
    ] = 200.0,
    burst: Annotated[
        str | None, typer.Option(help="Such as 10x@30s+5s: factor, period, length.")
    ] = None,
    market_clock: Annotated[
        str, typer.Option(help="real, auto, or YYYY-MM-DDTHH:MM:SS (Eastern).")
    ] = "auto",
    symbol_limit: Annotated[int, typer.Option(min=1, help="Symbols one login may watch.")] = 500,
    tape: Annotated[Path | None, typer.Option(help="A captured HTT/HTX reply to replay.")] = None,
    symbol: Annotated[str | None, typer.Option(help="The symbol the tape is of.")] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="0: as fast as read; 1: as recorded; N: N times.")
    ] = 1.0,
    is_delayed: Annotated[bool, typer.Option("--delayed", help="A delayed account.")] = False,
    login: Annotated[
        str | None, typer.Option(help="Login id to ask for; nothing is served before it.")
    ] = None,
    password_env: Annotated[
        str | None, typer.Option(help="Environment variable with the password to ask for.")
    ] = None,
    control_port: FaultPortOption = None,
    timeline: TimelineOption = None,
) -> None:
    """Run a simulated IQConnect: admin, Level 1 and Level 2 ports, no DTN account needed."""
    from gateway.commands.loops import run_program
    from gateway.commands.simulate import credentials_from, run_simulator
    from gateway.simulator import SimulatorOptions

    set_up_logging(level="info", form="console")
    options = SimulatorOptions(
        host=host,
        admin_port=admin_port,
        level1_port=level1_port,
        level2_port=level2_port,
        seed=seed,
        rate=rate,
        depth_rate=depth_rate,
        burst=burst,
        market_clock=market_clock,
        symbol_limit=symbol_limit,
        tape=tape,
        tape_symbol=symbol,
        tape_speed=speed,
        is_delayed=is_delayed,
        credentials=credentials_from(login, password_env),
        control_port=control_port,
        timeline=timeline,
    )
    raise typer.Exit(run_program(lambda: run_simulator(options)))


@app.command()
def fault(
    name: Annotated[str | None, typer.Argument(help="Such as close, stall, restart.")] = None,
    params: Annotated[list[str] | None, typer.Argument(help="key=value.")] = None,
    control_port: Annotated[
        int, typer.Option(min=1, max=65535, help="The simulator's control port.")
    ] = 9399,
    timeout_s: Annotated[float, typer.Option(min=0.1, max=60)] = 5.0,
    is_list: Annotated[
        bool, typer.Option("--list", help="Print every fault and its parameters.")
    ] = False,
) -> None:
    """Let something go wrong in a running simulator and print its answer as JSON."""
    from gateway.commands.fault import list_verbs, send_fault

    if is_list or name is None:
        raise typer.Exit(list_verbs())
    raise typer.Exit(send_fault(name, params or [], control_port=control_port, timeout_s=timeout_s))


@app.command()
def demo(
    symbols: Annotated[
        list[str] | None, typer.Argument(help="Symbols to show; a mix by default.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, max=100_000, help="Lines a second.")] = 300.0,
    seconds: Annotated[
        float, typer.Option(min=0, help="Stop after this long; 0: until Ctrl-C.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same market.")] = 1,
    ladder: Annotated[
        str, typer.Option(help="The symbol whose order book is drawn; empty: none.")
    ] = "@ES#",
) -> None:
    """Show live prices: simulator, gateway and client in one command."""
    from gateway.commands.demo import show_demo

    raise typer.Exit(show_demo(symbols or [], rate=rate, seconds=seconds, seed=seed, ladder=ladder))


@app.command()
def tail(
    kinds: Annotated[str, typer.Argument(help="Kinds, separated by commas: quote,trade")],
    symbols: Annotated[list[str], typer.Argument(help="Symbols, as the vendor spells them.")],
    is_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    count: Annotated[int, typer.Option(min=0, help="Stop after this many; 0: never.")] = 0,
    data: DataOption = DATA_ENDPOINT,
    control: ControlOption = CONTROL_ENDPOINT,
    keys: KeysOption = None,
) -> None:
    """Print messages of a running gateway as they come; `book` alone is drawn as a ladder."""
    from gateway.commands.client_keys import read_client_keys
    from gateway.commands.tail import follow

    raise typer.Exit(
        follow(
            kinds,
            symbols,
            is_json=is_json,
            count=count,
            data=data,
            control=control,
            keys=read_client_keys(keys),
        )
    )


@app.command()
def rpc(
    method: Annotated[
        str | None, typer.Argument(help="Such as health, metrics, subscriptions.")
    ] = None,
    params: Annotated[
        list[str] | None, typer.Argument(help="key=value; lists as a,b or repeated.")
    ] = None,
    control: ControlOption = CONTROL_ENDPOINT,
    timeout_s: Annotated[float, typer.Option(min=0.1, max=60)] = 5.0,
    is_list: Annotated[
        bool, typer.Option("--list", help="Print every method, who may call it, what it does.")
    ] = False,
    keys: KeysOption = None,
) -> None:
    """Send one request to a running gateway and print the result as JSON."""
    from gateway.commands.client_keys import read_client_keys
    from gateway.commands.rpc import list_methods, request

    if is_list or method is None:
        raise typer.Exit(list_methods())
    client = read_client_keys(keys)
    raise typer.Exit(
        request(method, params or [], control=control, timeout_s=timeout_s, keys=client)
    )


@app.command()
def why(
    symbol: Annotated[str, typer.Argument(help="As the vendor spells it.")],
    control: ControlOption = CONTROL_ENDPOINT,
    timeout_s: Annotated[float, typer.Option(min=0.1, max=60)] = 5.0,
    keys: KeysOption = None,
) -> None:
    """Tell in plain words what a symbol's state follows from."""
    from gateway.commands.client_keys import read_client_keys
    from gateway.commands.why import tell_why

    client = read_client_keys(keys)
    raise typer.Exit(tell_why(symbol, control=control, timeout_s=timeout_s, keys=client))


@app.command()
def top(
    control: ControlOption = CONTROL_ENDPOINT,
    search: Annotated[
        str, typer.Option("--filter", help="Only rows that contain this, symbols above all.")
    ] = "",
    is_once: Annotated[bool, typer.Option("--once", help="Print one page and end.")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="With --once: one JSON object.")] = False,
    keys: KeysOption = None,
) -> None:
    """Watch a running gateway: health, links, rates, symbols, consumers, alerts, errors."""
    from gateway.commands.client_keys import read_client_keys
    from gateway.commands.top.command import TopOptions
    from gateway.commands.top.command import top as show

    if is_json and not is_once:
        raise typer.BadParameter("--json belongs to --once")
    client = read_client_keys(keys)
    options = TopOptions(
        control=control, search=search, is_once=is_once, is_json=is_json, keys=client
    )
    raise typer.Exit(show(options))


@app.command()
def doctor(
    config: ConfigOption = None,
    symbol: Annotated[str, typer.Option(help="A symbol that should have prices.")] = "AAPL",
    control: Annotated[
        str | None,
        typer.Option(
            help="The gateway's control socket; by default as configured.",
            callback=_check_endpoint,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="The gateway's data socket; by default as configured.", callback=_check_endpoint
        ),
    ] = None,
    is_level2_wanted: Annotated[
        bool, typer.Option("--level2/--no-level2", help="Whether Level 2 matters.")
    ] = True,
    timeout_s: Annotated[
        float, typer.Option(min=0.2, max=60, help="Longest time of one look.")
    ] = 5.0,
    is_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    keys: KeysOption = None,
) -> None:
    """Walk from the configuration to a consumer and name the first thing to fix."""
    from gateway.commands.client_keys import read_client_keys
    from gateway.commands.doctor.walk import DoctorOptions, examine

    options = DoctorOptions(
        config=config,
        symbol=symbol,
        control=control,
        data=data,
        seconds=timeout_s,
        is_level2_wanted=is_level2_wanted,
        is_json=is_json,
        keys=read_client_keys(keys),
    )
    raise typer.Exit(examine(options))


@app.command()
def validate(
    config: ConfigOption = None,
    is_production: Annotated[
        bool,
        typer.Option(
            "--production", help="Prove readiness: connection, speed, recovery, refusals."
        ),
    ] = False,
    is_simulated: Annotated[
        bool,
        typer.Option("--simulate", help="With --production: try the built-in simulator instead."),
    ] = False,
    is_json: Annotated[
        bool, typer.Option("--json", help="With --production: one JSON object.")
    ] = False,
) -> None:
    """Check a configuration and print what it comes to; nothing is started without options."""
    from gateway.commands import validate as command
    from gateway.commands.production.command import validate_production

    if is_production:
        raise typer.Exit(validate_production(config, is_simulated=is_simulated, is_json=is_json))
    if is_simulated or is_json:
        raise typer.BadParameter("--simulate and --json belong to --production")
    raise typer.Exit(command.validate(config))
