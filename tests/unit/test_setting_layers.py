"""Several files laid over each other, thresholds in a file of their own, and errors with lines."""

import os
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import ENV_PREFIX, load_settings
from gateway.settings.files import CONFIG_FILES_MAX


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own may decide a test."""
    for name in list(os.environ):
        if name.upper().startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


def written(folder: Path, name: str, text: str) -> Path:
    """A file with a text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(*paths: Path) -> ConfigError:
    """How files are refused."""
    with pytest.raises(ConfigError) as caught:
        load_settings(paths)
    return caught.value


def test_a_later_file_wins_setting_by_setting(tmp_path: Path) -> None:
    """A profile changes a few values and leaves its main file's neighbors alone."""
    main = written(tmp_path, "main.yaml", "data: {watch_linger_s: 5, symbol_count_max: 30000}\n")
    profile = written(tmp_path, "profile.yaml", "data:\n  watch_linger_s: 7\nlog: {level: debug}\n")
    settings = load_settings([main, profile])
    assert (settings.data.watch_linger_s, settings.data.symbol_count_max) == (7, 30_000)
    assert settings.log.level == "debug"
    assert load_settings([profile, main]).data.watch_linger_s == 5
    assert load_settings([]) == load_settings(None)


def test_the_environment_wins_over_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value of a deployment is changed without touching its files."""
    main = written(tmp_path, "main.yaml", "health: {thresholds_file: limits.yaml}\n")
    written(tmp_path, "limits.yaml", "latency_warning_ms: 50\nmemory_warning_mb: 10\n")
    monkeypatch.setenv("IQGW_HEALTH__THRESHOLDS__LATENCY_WARNING_MS", "60")
    thresholds = load_settings(main).health.thresholds
    assert (thresholds.latency_warning_ms, thresholds.memory_warning_mb) == (60, 10)


def test_thresholds_of_the_file_are_below_those_of_the_main_file(tmp_path: Path) -> None:
    """A profile may change one limit of the shared file."""
    main = written(tmp_path, "main.yaml", "health: {thresholds_file: limits.yaml}\n")
    profile = written(tmp_path, "p.yaml", "health: {thresholds: {memory_warning_mb: 20}}\n")
    written(tmp_path, "limits.yaml", "latency_warning_ms: 50\nmemory_warning_mb: 10\n")
    thresholds = load_settings([main, profile]).health.thresholds
    assert (thresholds.latency_warning_ms, thresholds.memory_warning_mb) == (50, 20)


def test_thresholds_are_judged_together_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file raises a critical limit, a profile its warning: neither fits the other's default."""
    main = written(tmp_path, "main.yaml", "health: {thresholds_file: t.yaml}\n")
    limits = written(tmp_path, "t.yaml", "memory_critical_mb: 4000\n")
    site = written(tmp_path, "s.yaml", "health: {thresholds: {memory_warning_mb: 3000}}\n")
    thresholds = load_settings([main, site]).health.thresholds
    assert (thresholds.memory_warning_mb, thresholds.memory_critical_mb) == (3000, 4000)
    named = {"health": {"thresholds_file": limits}}
    assert load_settings(site, overrides=named).health.thresholds == thresholds
    monkeypatch.setenv("IQGW_HEALTH__THRESHOLDS_FILE", str(limits))
    assert load_settings(site).health.thresholds == thresholds
    site.write_text("\nhealth: {thresholds: {memory_warning_mb: 5000}}\n")
    assert "memory_critical_mb: 4000 is below memory_warning_mb, 5000" in refused(main, site).text


def test_files_that_a_file_names_are_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service does not start in the folder of its configuration."""
    folder = tmp_path / "etc"
    folder.mkdir()
    main = written(folder, "main.yaml", "symbols_file: s.json\nhealth: {thresholds_file: t.yaml}\n")
    written(folder, "t.yaml", "latency_warning_ms: 50\n")
    monkeypatch.chdir(tmp_path)
    settings = load_settings(main)
    assert settings.symbols_file == folder / "s.json"
    assert settings.health.thresholds.latency_warning_ms == 50
    elsewhere = written(folder, "other.yaml", f"symbols_file: {tmp_path}/else.json\n")
    assert load_settings([main, elsewhere]).symbols_file == tmp_path / "else.json"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("log: {}\ndata:\n  high_watermark: 5\n", 3, "did you mean data.high_water_mark?"),
        ("log: {}\n\ndata:\n  bind: 5\n", 4, "data.bind: "),
        (
            "\nhealth:\n  thresholds:\n    latency_warning_s: 1\n",
            4,
            "latency_warning_ms?, in milli",
        ),
        ("data:\n  watch_linger_ms: 500\n", 2, "did you mean data.watch_linger_s?, in seconds"),
        ("watch_linger_s: 5\n", 1, "did you mean data.watch_linger_s?"),
        ("connection:\n  timeout_seconds: 500ms\n", 2, "write 0.5: it is in seconds"),
        ("replay:\n  memory_mb_max: 1GB\n", 2, "write 1024: it is in megabytes"),
        ("data:\n  send_buffer_bytes: 128KiB\n", 2, "write 131072: it is in bytes"),
        ("book:\n  silence_s_max: 5MB\n", 2, "write a plain number: it is in seconds"),
        ("data:\n  high_water_mark: 5k\n", 2, "write a plain number, without a unit"),
        (
            "health:\n  thresholds:\n    memory_warning_mb: 10\n    latency_critical_ms: 50\n",
            4,
            "latency_critical_ms: 50 is below latency_warning_ms, 100",
        ),
        (
            "log: {level: info}\ndata:\n  bind: 'tcp://0.0.0.0:7700'\n",
            3,
            "would let other machines",
        ),
        ("http:\n  bind: 0.0.0.0:7702\n", 2, "would let other machines in"),
        ("data:\n  high_water_mark: 40000\n", 2, "below connection.message_queue_size 50000"),
        ("slow_consumers:\n  warn_after_s: 20\n", 2, "would be cut off before it is named"),
        ("slow_consumers:\n  clear_below_s: 3\n", 2, "slow and well at one time"),
        ("data:\n  symbol_count_max: 10000\n", 2, "could claim more symbols than are kept"),
        ("upstream:\n  receive_buffer_bytes: 65536\n", 2, "no read can be so long"),
        ("guards:\n  memory_mb_max: 64\n", 2, "would be all there is"),
        ("guards:\n  soft_share: 0.95\n", 2, "hard_share must be above soft_share"),
        ("data:\n  high_water_mark: 99999999999\n", 2, "less than or equal to 2147483647"),
        ("data:\n  send_buffer_bytes: 2147483648\n", 2, "less than or equal to 2147483647"),
        ("upstream:\n  receive_buffer_bytes: 2147483648\n", 2, "less than or equal to 2147483647"),
        ("guards:\n  memory_mb_max: 99999999999\n", 2, "less than or equal to 2147483647"),
        ("alerts:\n  webhook_token: abc\n", 2, "does not belong into a file"),
    ],
)
def test_a_refusal_leads_to_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    """File, line, and what to write instead: nobody searches a file of five hundred lines."""
    path = written(tmp_path, "gateway.yaml", text)
    error = refused(path)
    assert said in error.text
    assert f"{path}:{line}" in str(error.facts["source"])


def test_each_file_is_blamed_for_its_own(tmp_path: Path) -> None:
    """Of three files two are right."""
    main = written(tmp_path, "m.yaml", "health: {thresholds_file: t.yaml}\ndata: {bindd: 1}\n")
    profile = written(tmp_path, "p.yaml", "\nlog: {level: loud}\n")
    written(tmp_path, "t.yaml", "{}\n")
    assert str(refused(main, profile).facts["source"]) == f"{main}:2, {profile}:2"
    main.write_text("health: {thresholds_file: t.yaml}\n")
    limits = written(tmp_path, "t.yaml", "\nmemory_warning_gb: 1\n")
    error = refused(main)
    assert "did you mean health.thresholds.memory_warning_mb?" in error.text
    assert error.facts["source"] == f"{limits}:2"
    limits.write_text("latency_warning_ms: 600\n")
    assert error.facts["source"] != (again := refused(main)).facts["source"]
    assert again.facts["source"] == f"{limits}:1"


def test_a_variable_is_named_where_it_contradicts_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a contradiction may be where nobody looks."""
    path = written(tmp_path, "gateway.yaml", "\ndata: {high_water_mark: 60000}\n")
    monkeypatch.setenv("IQGW_CONNECTION__MESSAGE_QUEUE_SIZE", "70000")
    source = refused(path).facts["source"]
    assert source == f"{path}:2, IQGW_CONNECTION__MESSAGE_QUEUE_SIZE"


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    """A glob that went wrong must not read a folder."""
    path = written(tmp_path, "gateway.yaml", "{}\n")
    load_settings([path] * CONFIG_FILES_MAX)
    assert "too many" in refused(*[path] * (CONFIG_FILES_MAX + 1)).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("health: &h {thresholds: *h}\n", "*h is part of what it repeats"),
        ("health: &h [1, {a: *h}]\n", "*h is part of what it repeats"),
        (
            "\n".join(
                ["a0: &a0 {x: 1}"]
                + [
                    f"a{n}: &a{n} {{{', '.join(f'x{m}: *a{n - 1}' for m in range(9))}}}"
                    for n in range(1, 12)
                ]
            ),
            "more than 200000 values",
        ),
        (
            "\n".join(["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{x: *a{n - 1}}}" for n in range(1, 99)]),
            "nested more than 16 levels deep",
        ),
    ],
)
def test_aliases_that_have_no_end_are_refused(tmp_path: Path, text: str, said: str) -> None:
    """Laid over each other, two such files would be walked for ever, or until Python gives up."""
    one, two = written(tmp_path, "a.yaml", text), written(tmp_path, "b.yaml", text)
    assert refused(one, two).facts["reason"] == said


def test_an_alias_that_ends_is_read(tmp_path: Path) -> None:
    """People write the same section once."""
    path = written(tmp_path, "a.yaml", "data: {bind: &b ipc:///a}\nrelay: {data: *b}\n")
    assert load_settings(path).relay.data == "ipc:///a"


@pytest.mark.parametrize("named", ["/dev/zero", "pipe", ".", "a\\0b"])
def test_a_name_that_leads_to_no_file_is_refused(tmp_path: Path, named: str) -> None:
    """A pipe would be waited for, a device read without an end."""
    os.mkfifo(tmp_path / "pipe")
    main = written(tmp_path, "m.yaml", f'health: {{thresholds_file: "{named}"}}\n')
    error = refused(main)
    assert error.text == "configuration file cannot be read"
    assert error.facts["reason"] in ("not a regular file", "Is a directory", "not a path")


def test_a_missing_file_of_thresholds_is_named(tmp_path: Path) -> None:
    """The main file is right; what it names is not there."""
    main = written(tmp_path, "m.yaml", "health: {thresholds_file: t.yaml}\n")
    assert refused(main).facts["file"] == str(tmp_path / "t.yaml")
