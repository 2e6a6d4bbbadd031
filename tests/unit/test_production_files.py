"""The configuration that is delivered: complete, true about defaults, and usable as it stands."""

import dataclasses
import json
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import pytest
import yaml
from gateway_monitoring import HealthThresholds

from gateway.commands.validate import warnings_of
from gateway.runtime.watch_file import read_watch_list
from gateway.settings import Credentials, Settings, load_settings
from gateway.settings.security import RotationSettings
from gateway.settings.units import unit_of

FOLDER = Path(__file__).resolve().parents[2] / "docker" / "config"
MAIN = FOLDER / "iqfeed_production.yaml"
THRESHOLDS = FOLDER / "health_thresholds.yaml"
SYMBOLS = FOLDER / "production_symbols.json"
PROFILES = sorted(FOLDER.glob("profile_*.yaml"))
FROM_THE_HOST = "the host's name"
NOT_IN_A_FILE = {"alerts.webhook_token"}
"""What the file may only speak of."""


class Option(NamedTuple):
    """One setting as a file describes it."""

    line: str
    """The line that gives it, perhaps behind a #."""
    comment: str
    """What is above it."""

    @property
    def unit(self) -> str:
        """What its comment says of the unit."""
        found = re.search(r"Unit: (.+?)\. Default: ", self.comment)
        assert found is not None, f"no unit above {self.line!r}"
        return found[1]

    @property
    def default(self) -> str:
        """What its comment says of the default."""
        found = re.search(r"Unit: .+?\. Default: (.+)$", self.comment, re.MULTILINE)
        assert found is not None, f"no default above {self.line!r}"
        return found[1]


def options_of(path: Path) -> dict[str, Option]:
    """Every setting that a file gives or shows, by its name with dots."""
    found: dict[str, Option] = {}
    section, comment = "", list[str]()
    for line in path.read_text(encoding="utf-8").splitlines():
        given = re.fullmatch(r"( *)#?([a-z_0-9]+):( .*)?", line)
        if given is None:
            comment = [*comment, line.strip(" #")] if line.strip().startswith("#") else []
            continue
        if not given[1]:
            section = given[2] if given[3] is None else ""
        if given[3] is not None:
            name = f"{section}.{given[2]}" if given[1] else given[2]
            found[name] = Option(line, "\n".join(comment))
        comment = []
    return found


def settings_of(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a model with its default, by its name with dots."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, pydantic.BaseModel):
            yield from settings_of(inner, f"{name}.")
        else:
            yield f"{prefix}{name}", field.get_default(call_default_factory=True, validated_data={})


MODELS = {
    name: default for name, default in settings_of(Settings) if name != "health.thresholds"
} | {"health.thresholds": {}}
LIMITS = {field.name: field.default for field in dataclasses.fields(HealthThresholds)}


def test_every_setting_is_in_the_main_file_and_nothing_else_is() -> None:
    """An option that the file does not show is an option that nobody finds."""
    assert set(options_of(MAIN)) == set(MODELS) - NOT_IN_A_FILE
    text = MAIN.read_text(encoding="utf-8")
    for name in NOT_IN_A_FILE:
        assert f"IQGW_{name.replace('.', '__').upper()}" in text
    for name in RotationSettings.model_fields:
        assert name in options_of(MAIN)["security.rotation"].line


def test_every_threshold_is_in_its_file() -> None:
    """The same of limits."""
    assert set(options_of(THRESHOLDS)) == set(LIMITS)


@pytest.mark.parametrize(
    ("path", "name", "default"),
    [(MAIN, *item) for item in MODELS.items() if item[0] not in NOT_IN_A_FILE]
    + [(THRESHOLDS, *item) for item in LIMITS.items()],
)
def test_the_stated_default_and_unit_are_the_models(path: Path, name: str, default: Any) -> None:
    """A default that is not true is worse than none."""
    option = options_of(path)[name]
    if name == "gateway_id":
        assert option.default == FROM_THE_HOST
        return
    assert yaml.safe_load(option.default) == json.loads(json.dumps(default, default=list))
    unit = unit_of(name.rpartition(".")[2])
    if unit is not None:
        assert option.unit.startswith(unit.words)
    reason = option.comment.partition("Unit: ")[0]
    assert len(reason) > 20, f"{name}: no word of why"


@pytest.mark.parametrize("path", [MAIN, THRESHOLDS], ids=lambda path: path.name)
def test_a_value_that_is_not_the_default_says_so(path: Path) -> None:
    """Whoever compares two gateways must not have to compare every line."""
    known = MODELS if path == MAIN else LIMITS
    for name, option in options_of(path).items():
        if option.line.lstrip().startswith("#"):
            continue
        value = yaml.safe_load(option.line.partition(":")[2])
        is_default = value == json.loads(json.dumps(known[name], default=list))
        assert is_default or "Set here" in option.comment, f"{name} differs without a word"


@pytest.mark.parametrize("profile", [None, *PROFILES], ids=lambda p: p.name if p else "main")
def test_main_file_and_profiles_load_without_doubts(profile: Path | None) -> None:
    """What is delivered must start, and nothing in it may be what `validate` warns of."""
    settings = load_settings([MAIN, profile] if profile is not None else MAIN)
    assert settings.symbols_file == SYMBOLS
    claims = read_watch_list(settings.symbols_file, symbol_count_max=settings.data.symbol_count_max)
    assert {"AAPL", "@ES#"} <= {claim.symbol for claim in claims}
    told = list(warnings_of(settings, Credentials.none()))
    assert [warning for warning in told if "state_dir" not in warning] == []


def test_there_are_two_profiles_and_they_change_what_they_are_named_for() -> None:
    """A profile that changes nothing, or the wrong way, is a promise not kept."""
    main = load_settings(MAIN)
    fast = load_settings([MAIN, FOLDER / "profile_high_throughput.yaml"])
    lean = load_settings([MAIN, FOLDER / "profile_memory_lean.yaml"])
    assert len(PROFILES) == 2
    for name in (
        "connection.message_queue_size",
        "connection.thread_pool_size",
        "data.high_water_mark",
        "replay.memory_mb_max",
        "upstream.receive_buffer_bytes",
        "health.thresholds.memory_critical_mb",
    ):
        read = attrgetter(name)
        assert read(lean) < read(main) < read(fast), name


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.name)
def test_every_line_of_a_profile_changes_something_and_says_why(profile: Path) -> None:
    """A profile is what differs, and each difference has its reason."""
    main = load_settings(MAIN).model_dump()
    given = yaml.safe_load(profile.read_text(encoding="utf-8"))
    thresholds = given.pop("health")["thresholds"]
    pairs = [(thresholds, main["health"]["thresholds"])]
    pairs += [(values, main[section]) for section, values in given.items()]
    for values, known in pairs:
        same = [name for name, value in values.items() if known[name] == value]
        assert not same, f"{same} make no difference"
    for section in given:
        above = profile.read_text(encoding="utf-8").partition(f"\n{section}:\n")[2]
        assert above.startswith("  # "), f"{section}: no word of why"
