"""Reads policy files and checks each one, and all together. Each fault is named by file, line and reason."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.policy.document import ConfigProblems, Policy
from schemas.policy.lines import TomlPath, line_at, lines_of
from schemas.policy.policies import Policies

M = TypeVar("M", bound=BaseModel)

_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file: the file, the line (None if a whole file or an absent part is wrong), and the reason."""

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        """Return `file, line N: reason`."""
        return f"{self.file}{'' if self.line is None else f', line {self.line}'}: {self.reason}"


class ConfigFileError(ValueError):
    """Policy or rota files that cannot be used, with every fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class _Read:
    """A version of the policy, with its file and the lines of the file's parts."""

    file: str
    policy: Policy
    lines: Mapping[TomlPath, int]

    def fault(self, key: str, reason: str) -> Fault:
        return Fault(self.file, line_at(self.lines, (key,)), f"{key}: {reason}")

    def where(self, key: str) -> str:
        line = line_at(self.lines, (key,))
        return self.file if line is None else f"{self.file}, line {line}"


def load_policy(path: Path | None = None) -> Policy:
    """Return the policy of one TOML file, by default the latest version; raise `ConfigFileError` for its faults."""
    return load_policies().latest if path is None else _read(path, str(path)).policy


def load_policies(path: Path | None = None) -> Policies:
    """Return every version in a folder of TOML files (by default this package's), or the one version of a file.

    Raises `ConfigFileError` for a wrong file, for two files of one version, and for dates that overlap or have a gap:
    each version ends (`effective_until`, exclusive) when the next takes effect, and the last has no end.
    """
    if path is not None and not path.is_dir():
        return Policies((load_policy(path),))
    folder: Traversable = resources.files("schemas.policy") / "versions" if path is None else path
    name = "versions" if path is None else str(path)
    try:
        files = sorted((each for each in folder.iterdir() if each.name.endswith(".toml")), key=lambda each: each.name)
    except OSError as error:
        raise ConfigFileError((Fault(name, None, error.strerror or str(error)),)) from error
    if not files:
        raise ConfigFileError(
            (Fault(name, None, "has no policy in it: a file for each version, such as 2025-01-01.toml"),)
        )
    versions: list[_Read] = []
    faults: list[Fault] = []
    for file in files:
        try:
            versions.append(_read(file, f"{name}/{file.name}"))
        except ConfigFileError as wrong:
            faults.extend(wrong.faults)
    faults = faults or _faults_between(versions)
    if faults:
        raise ConfigFileError(faults)
    return Policies(each.policy for each in versions)


def _read(source: Traversable, name: str) -> _Read:
    policy, lines = read_file(source, name, Policy)
    return _Read(name, policy, lines)


def read_file(source: Traversable, name: str, model: type[M]) -> tuple[M, Mapping[TomlPath, int]]:
    """Return the model of a TOML file, and the lines of its parts; raise `ConfigFileError` with each of its faults."""
    lines: Mapping[TomlPath, int] = {}
    try:
        text = source.read_text(encoding="utf-8")
        fields = tomllib.loads(text)
        lines = lines_of(text)
        return model.model_validate(fields), lines
    except OSError as error:
        raise ConfigFileError((Fault(name, None, error.strerror or str(error)),)) from error
    except tomllib.TOMLDecodeError as error:
        at = _LINE.search(str(error))
        reason = _LINE.sub("", str(error))
        raise ConfigFileError((Fault(name, None if at is None else int(at[1]), f"is not TOML: {reason}"),)) from error
    except UnicodeDecodeError as error:
        raise ConfigFileError(
            (Fault(name, error.object.count(b"\n", 0, error.start) + 1, "is not UTF-8 text"),)
        ) from error
    except ValidationError as error:
        found = error.errors()
        # pydantic also calls a list too short if its only value is wrong; that is no separate fault.
        wrong = {each["loc"][:-1] for each in found}
        raise ConfigFileError(
            fault
            for each in found
            if each["type"] != "too_short" or each["loc"] not in wrong
            for fault in _faults(each, name, lines)
        ) from None


def _faults(found: ErrorDetails, file: str, lines: Mapping[TomlPath, int]) -> list[Fault]:
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, ConfigProblems):
        return [_fault(file, lines, (*found["loc"], *path), reason) for path, reason in cause.found]
    # The text of an `Invalid` begins with its field (empty here) and a colon: the path is added below.
    reason = found["msg"].removeprefix("Value error, ").removeprefix(": ")
    given = repr(found["input"]) if isinstance(found["input"], str | int | float) else ""
    quoted = "" if given in reason else f" (given: {given})"
    return [_fault(file, lines, found["loc"], reason + quoted)]


def _fault(file: str, lines: Mapping[TomlPath, int], path: TomlPath, reason: str) -> Fault:
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return Fault(file, line_at(lines, path), f"{name}: {reason}" if name else reason)


def _faults_between(versions: list[_Read]) -> list[Fault]:
    """Return the faults of the versions as a set."""
    faults = []
    named: dict[str, _Read] = {}
    for each in versions:
        if (first := named.setdefault(each.policy.version, each)) is not each:
            reason = f"{each.policy.version!r} is the version of another file too ({first.where('version')})"
            faults.append(each.fault("version", reason))
    in_order = sorted(versions, key=lambda each: each.policy.effective_from)
    for earlier, later in pairwise(in_order):
        faults.extend(_faults_of_dates(earlier, later))
    last = in_order[-1]
    if last.policy.effective_until is not None:
        reason = f"no policy would be in force after {_iso(last.policy.effective_until)}: the last version has no end"
        faults.append(last.fault("effective_until", reason))
    return faults


def _faults_of_dates(earlier: _Read, later: _Read) -> list[Fault]:
    start, end = later.policy.effective_from, earlier.policy.effective_until
    if end is None:
        reason = f"is required: {later.file} takes effect at {_iso(start)}, and two versions cannot be in force at once"
        # A missing key has no line: the line of `effective_from`, beside which it belongs, is named instead.
        return [Fault(earlier.file, line_at(earlier.lines, ("effective_from",)), f"effective_until: {reason}")]
    if start < end:
        reason = (
            f"overlap: {_iso(start)} is before the version before it ends, {_iso(end)} "
            f"({earlier.where('effective_until')})"
        )
        return [later.fault("effective_from", reason)]
    if start > end:
        reason = (
            f"gap: no policy would be in force from {_iso(end)} ({earlier.where('effective_until')}) to {_iso(start)}"
        )
        return [later.fault("effective_from", reason)]
    return []


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
