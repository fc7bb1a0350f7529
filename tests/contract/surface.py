"""The surface of Confide that other programs and people depend on, computed from the code.

`tests/contract/test_recorded_surface.py` compares it with the files in `tests/data/recorded`. After a wanted change,
run `python -m tests.contract.surface` from the project's folder: it writes the files again.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer
from typer import rich_utils
from typer.testing import CliRunner

from schemas import avro_registry, telemetry
from schemas.topics import CATALOGUE, Topic
from services.cli.verbs import app

FOLDER = Path(__file__).parents[1] / "data" / "recorded"

#: Columns of the recorded help texts.
_WIDTH = 120
_PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": str(_WIDTH)}


def help_texts() -> dict[str, str]:
    """Return the help text of `confide` and of each verb and sub-verb, by the command line that shows it."""
    found = {}
    with patch.multiple(rich_utils, MAX_WIDTH=_WIDTH, FORCE_TERMINAL=False, COLOR_SYSTEM=None):
        for path in _commands(typer.main.get_command(app), ()):
            result = CliRunner().invoke(app, [*path, "--help"], prog_name="confide", env=_PLAIN)
            assert result.exit_code == 0, (path, result.output)
            found[" ".join(("confide", *path, "--help"))] = "\n".join(
                line.rstrip() for line in result.output.strip("\n").splitlines()
            )
    return found


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if hasattr(command, "list_commands"):
        context = command.make_context("confide", [], resilient_parsing=True)
        for name in command.list_commands(context):
            # As a call does it: the verbs of `confide` are imported only then.
            found = command.resolve_command(context, [name])[1]
            yield from _commands(found, (*path, name))


def topics() -> dict[str, dict[str, Any]]:
    """Return each topic's partitions (at a deployment's count of 7), its records and its settings, by its name."""
    return {name: _declared(topic) for name, topic in CATALOGUE.items()}


def _declared(topic: Topic) -> dict[str, Any]:
    return {
        "partitions_of_7": topic.count(7),
        "carries": list(topic.carries),
        "at_replication_1": topic.settings(1),
        "at_replication_3": topic.settings(3),
    }


def avro() -> dict[str, dict[str, Any]]:
    """Return the 10-byte header (marker and fingerprint) of each schema: those written, and all those read."""
    return {
        name: {
            "written": writer.header.hex(),
            "read": sorted(header.hex() for header, reader in avro_registry.READERS.items() if reader.name == name),
        }
        for name, writer in avro_registry.WRITERS.items()
    }


def telemetry_names() -> dict[str, list[str]]:
    """Return the names of spans, attributes and metrics."""
    kinds: dict[str, type[StrEnum]] = {
        "spans": telemetry.Span,
        "attributes": telemetry.Attribute,
        "metrics": telemetry.Metric,
    }
    return {kind: sorted(names) for kind, names in kinds.items()}


#: What is recorded, by the name of its file.
SURFACE: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "help": help_texts,
    "topics": topics,
    "avro": avro,
    "telemetry": telemetry_names,
}


def recorded(name: str) -> dict[str, Any]:
    """Return what a file of `tests/data/recorded` holds."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    # A list of lines keeps the help texts' file readable, and its differences small.
    return {key: "\n".join(lines) for key, lines in found.items()} if name == "help" else found


def record() -> None:
    """Write every file of `tests/data/recorded` from the code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, compute in SURFACE.items():
        surface = compute()
        if name == "help":
            surface = {key: text.splitlines() for key, text in surface.items()}
        (FOLDER / f"{name}.json").write_text(json.dumps(surface, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    record()
