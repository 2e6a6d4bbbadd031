"""Settings files: read with bounds, laid over each other, and remembered line by line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.bounded_file import FileRefusedError, read_bounded_text
from gateway.bounded_yaml import BoundedLoader
from gateway.errors import ConfigError

Place = tuple[int | str, ...]
"""Where a value is: section, name, and what is within."""
Configs = Path | Sequence[Path] | None
"""What `--config` gave: one file, several of which later ones win, or none."""

CONFIG_BYTES_MAX: Final = 1_048_576
CONFIG_FILES_MAX: Final = 10
"""Files laid over each other; a main file and a profile or two is what people need."""
_BESIDE: Final[tuple[Place, ...]] = (("symbols_file",), ("health", "thresholds_file"))
"""Settings that name another file: it is looked for beside the file that names it."""


class _Loader(BoundedLoader):
    """Refuses a setting that is written twice: YAML takes the last one and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a map of one node."""
        names = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in names:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value} is written twice", problem_mark=key.start_mark
                )
            names.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """One file as it was read."""

    path: Path
    """Where it is."""
    values: dict[str, Any]
    """What it says."""
    lines: Mapping[Place, int]
    """On which line each value stands, from 1."""

    def below(self, *sections: str) -> "SettingsFile":
        """The same values as if they stood in a section of a settings file."""
        values: dict[str, Any] = self.values
        for section in reversed(sections):
            values = {section: values}
        lines = {(*sections, *place): line for place, line in self.lines.items()}
        return SettingsFile(self.path, values, lines)


@dataclass(slots=True)
class Layers:
    """Files in the order in which they were given: what a later one says wins."""

    files: list[SettingsFile] = field(default_factory=list)
    """The first is the lowest."""

    @property
    def values(self) -> dict[str, Any]:
        """What all of them come to."""
        merged: dict[str, Any] = {}
        for file in self.files:
            merged = merge(merged, file.values)
        return merged

    def where(self, place: Place, *, text: str = "") -> str:
        """File and line of a value, or of the section that it is missing from.

        Args:
            place: Where the value is.
            text: What is wrong with it; names within the place's map lead to their own lines.

        Returns:
            `PATH:LINE`; the first file's path when no file has it; empty without files.
        """
        for word in text.split():
            inner = (*place, word.strip(":,;.'\""))
            for file in reversed(self.files):
                if inner in file.lines:
                    return f"{file.path}:{file.lines[inner]}"
        for length in range(len(place), 0, -1):
            for file in reversed(self.files):
                if place[:length] in file.lines:
                    return f"{file.path}:{file.lines[place[:length]]}"
        return str(self.files[0].path) if self.files else ""


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Lay nested values over others: maps are joined, everything else is replaced."""
    merged = dict(lower)
    for name, value in upper.items():
        known = merged.get(name)
        is_both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[name] = merge(known, value) if is_both and known is not None else value
    return merged


def paths_of(configs: Configs) -> list[Path]:
    """The files, the lowest first."""
    return [configs] if isinstance(configs, Path) else list(configs or ())


def spelled(configs: Configs, *, between: str = ", ") -> str:
    """The files as they were named; empty without any."""
    return between.join(map(str, paths_of(configs)))


def read_layers(configs: Configs) -> Layers:
    """Read the files that `--config` gave.

    Raises:
        ConfigError: One cannot be read, or there are too many.
    """
    paths = paths_of(configs)
    if len(paths) > CONFIG_FILES_MAX:
        raise ConfigError(
            "too many configuration files",
            hint=f"Lay at most {CONFIG_FILES_MAX} over each other.",
            files=len(paths),
        )
    return Layers([_with_neighbors(read_settings_file(path)) for path in paths])


def read_settings_file(path: Path) -> SettingsFile:
    """Read a YAML file of settings.

    Raises:
        ConfigError: It cannot be read, is too large, is not YAML, or is not a map.
    """
    try:
        values, lines = _parse(read_bounded_text(path, bytes_max=CONFIG_BYTES_MAX))
    except (OSError, FileRefusedError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigError(
            "configuration file cannot be read",
            hint="Check the path, after --config or in the setting that names it, and its "
            "permissions.",
            file=str(path),
            reason=reason or str(error),
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else None
        raise ConfigError(
            "not a YAML file", file=str(path), line=line, reason=error.problem
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        # A date or a number that YAML recognizes and Python has not, as 2026-13-01, is one, too.
        raise ConfigError("not a YAML file", file=str(path), reason=str(error)) from error
    if values is None:
        values = {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError("not a map of settings", file=str(path))
    return SettingsFile(path, values, lines)


def _parse(text: str) -> tuple[Any, dict[Place, int]]:
    """Values, and where they stand."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        return loader.construct_document(node), dict(_lines_of(node, (), set()))
    finally:
        loader.dispose()


def _lines_of(node: yaml.Node, place: Place, seen: set[int]) -> Iterator[tuple[Place, int]]:
    """Every value's line; what an alias repeats is walked once, or a small file had no end."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                inner = (*place, str(key.value))
                yield inner, key.start_mark.line + 1
                yield from _lines_of(value, inner, seen)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*place, number), value.start_mark.line + 1
            yield from _lines_of(value, (*place, number), seen)


def _with_neighbors(file: SettingsFile) -> SettingsFile:
    """The same, with the files that it names looked for beside it."""
    values = file.values
    for *sections, name in _BESIDE:
        section = values
        for part in sections:
            inner = section.get(str(part))
            section = inner if isinstance(inner, dict) else {}
        named = section.get(str(name))
        if isinstance(named, str):
            section[str(name)] = str(file.path.parent / named)
    return file
