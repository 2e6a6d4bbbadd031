"""The login: what brings it about, what takes it away, and who tries again."""

from gateway.simulator.login import Link
from tests.unit.simulator.bench_desk import Bench, Peer

RIGHT = ("4711", "secret")


def stats(bench: Bench) -> tuple[str, str]:
    """Attempted reconnections and the state that the statistics line shows."""
    fields = bench.simulator.stats_line().split(",")
    return fields[9], fields[12]


def log_in(bench: Bench, admin: Peer, given: tuple[str, str] = RIGHT) -> list[str]:
    """The start-up recipe of clients, and the time a login takes."""
    login, password = given
    answers = admin.ask(
        "S,REGISTER CLIENT APP,X,1", f"S,SET LOGINID,{login}", f"S,SET PASSWORD,{password}",
        "S,CONNECT",
    )  # fmt: skip
    bench.clock.advance(seconds=0.2)
    bench.simulator.agenda.run_due()
    return answers


def test_without_a_login_there_is_nothing_but_the_admin_port() -> None:
    """An IQConnect that was just started has nobody's credentials."""
    bench = Bench(credentials=RIGHT)
    assert stats(bench) == ("0", "Not Connected")
    assert bench.level1(protocol=None).lines() == ["S,KEY,99999", "S,SERVER DISCONNECTED"]
    assert bench.level2(protocol=None).lines() == ["S,SERVER DISCONNECTED"]


def test_right_credentials_connect_after_a_while() -> None:
    """A login is a conversation with DTN, so it takes time."""
    bench = Bench(credentials=RIGHT)
    peer, admin = bench.level1(protocol=None), bench.admin()
    peer.take()
    admin.ask("S,REGISTER CLIENT APP,X,1", "S,SET LOGINID,4711", "S,SET PASSWORD,secret")
    admin.ask("S,CONNECT", "S,CONNECT")
    assert stats(bench)[1] == "Not Connected"
    bench.clock.advance(seconds=0.2)
    bench.simulator.agenda.run_due()
    assert stats(bench)[1] == "Connected"
    assert peer.lines()[0] == "S,SERVER CONNECTED"
    assert bench.simulator.counts.logins_accepted == 1
    assert bench.simulator.counts.logins_refused == 0


def test_wrong_credentials_get_no_word_and_no_link() -> None:
    """IQConnect just stays `Not Connected`, and tries nothing by itself."""
    for login, password in (("4712", "secret"), ("4711", "Secret"), ("", "")):
        bench = Bench(credentials=RIGHT)
        answers = log_in(bench, bench.admin(), (login, password))
        assert len(answers) == 3
        assert all(answer.startswith("S,") for answer in answers)
        bench.clock.advance(seconds=60)
        bench.simulator.agenda.run_due()
        assert stats(bench) == ("0", "Not Connected")
        assert bench.simulator.counts.logins_refused == 1


def test_an_unregistered_client_logs_nobody_in() -> None:
    """DTN serves registered products only."""
    bench = Bench(credentials=RIGHT)
    bench.admin().ask("S,SET LOGINID,4711", "S,SET PASSWORD,secret", "S,CONNECT")
    assert bench.simulator.counts.logins_refused == 1


def test_a_data_port_logs_nobody_in() -> None:
    """Credentials are given on the admin port only."""
    bench = Bench(credentials=RIGHT)
    bench.level1().ask("S,CONNECT")
    bench.level2().ask("S,CONNECT", "c")
    assert bench.simulator.login.link is Link.AWAITED
    assert bench.simulator.counts.logins_refused == 0


def test_a_lost_link_is_tried_again_each_second() -> None:
    """The field grows while DTN is out of reach, and the last attempt is the one that succeeds."""
    bench = Bench()
    bench.simulator.faults.apply("dtn", up=False)
    assert stats(bench) == ("0", "Not Connected")
    bench.clock.advance(seconds=3.5)
    bench.admin().ask("S,CONNECT")
    assert stats(bench) == ("3", "Not Connected")
    bench.simulator.faults.apply("dtn", up=True)
    bench.clock.advance(seconds=10)
    assert stats(bench) == ("3", "Connected")


def test_a_replaced_login_waits_for_somebody_to_connect() -> None:
    """Two machines that fought over one login would throw each other out for ever."""
    bench = Bench(credentials=RIGHT)
    admin = bench.admin()
    log_in(bench, admin)
    one, two = bench.level1(), bench.level2()
    assert bench.simulator.faults.apply("login_replaced")["link"] == "replaced"
    assert one.lines() == ["S,SERVER DISCONNECTED"]
    assert two.lines() == ["S,SERVER DISCONNECTED"]
    bench.clock.advance(seconds=60)
    bench.simulator.agenda.run_due()
    assert stats(bench) == ("0", "Not Connected")
    admin.ask("S,CONNECT")
    bench.clock.advance(seconds=0.2)
    bench.simulator.agenda.run_due()
    assert stats(bench)[1] == "Connected"
    assert one.lines()[0] == "S,SERVER CONNECTED"


def test_a_replaced_login_without_credentials_takes_any() -> None:
    """A simulator that asks for no login accepts whoever asks for the link."""
    bench = Bench()
    bench.simulator.faults.apply("login_replaced")
    bench.level1().ask("S,CONNECT")
    assert stats(bench)[1] == "Not Connected"
    log_in(bench, bench.admin(), ("any", "thing"))
    assert stats(bench)[1] == "Connected"


def test_a_client_that_disconnects_is_taken_at_its_word() -> None:
    """IQConnect does not try again by itself."""
    bench = Bench()
    admin = bench.admin()
    admin.ask("S,DISCONNECT")
    bench.clock.advance(seconds=5)
    assert stats(bench) == ("0", "Not Connected")
    admin.ask("S,CONNECT")
    assert stats(bench)[1] == "Connected"


def test_nobody_connects_while_dtn_is_out_of_reach() -> None:
    """A client that ends the link and asks for it again does not end the outage."""
    bench = Bench()
    admin = bench.admin()
    bench.simulator.faults.apply("dtn", up=False)
    admin.ask("S,DISCONNECT", "S,CONNECT")
    assert bench.simulator.login.link is Link.LOST
    bench.simulator.faults.apply("login_replaced")
    log_in(bench, admin)
    assert stats(bench)[1] == "Not Connected"
    bench.clock.advance(seconds=2)
    assert stats(bench)[0] == "2"
    bench.simulator.faults.apply("restart", down_s=0)
    assert bench.simulator.login.link is Link.LOST
    bench.simulator.faults.apply("dtn", up=True)
    assert stats(bench)[1] == "Connected"


def test_a_restart_forgets_the_login() -> None:
    """Credentials must be given again."""
    bench = Bench(credentials=RIGHT)
    admin = bench.admin()
    log_in(bench, admin)
    bench.simulator.faults.apply("restart", down_s=0)
    assert stats(bench)[1] == "Not Connected"
    bench.admin().ask("S,CONNECT")
    assert bench.simulator.counts.logins_refused == 1


def test_no_password_is_shown() -> None:
    """Options end up in log lines."""
    options = Bench(credentials=RIGHT).simulator.options
    assert "secret" not in f"{options} {options.as_map()}"
