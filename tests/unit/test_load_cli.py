"""`confide load` reports a missing package in one line."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest
from typer.testing import CliRunner

from services.cli.verbs import app
from services.settings import SettingsError

NUMBERS = (
    *("--rate", "--seconds", "--settle", "--warm-up"),
    *("--duplicates", "--pairs", "--urgent", "--malformed"),
)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without_hdrh(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "hdrh" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_hdrh)
    done = CliRunner().invoke(app, ["load", "--rate", "1", "--seconds", "2"])
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception) == "hdrh not installed: run `pip install 'confide[load]'`"


@pytest.mark.parametrize(
    "options",
    [
        ("--rate", "0"),
        ("--seconds", "0"),
        ("--urgent", "1.1"),
        ("--duplicates", "0.6", "--malformed", "0.6"),
        *((name, text) for name in NUMBERS for text in ("inf", "-inf", "nan", "1e300", "-1")),
        ("--people", "1000000000000000000000"),
        ("--backlog", "1000000000000000000000"),
        ("--rate", "1000000", "--seconds", "101"),
        ("--rate", "1000000", "--warm-up", "101"),
        ("--rate", "1", "--backlog", "100000000"),
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_refused(options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    # Without it, a test that was not refused would be run.
    monkeypatch.setattr("services.cli.load._run", lambda _: 0)
    done = CliRunner().invoke(app, ["load", "--rate", "1", "--seconds", "2", *options])
    assert (done.exit_code, done.exception.__class__) == (2, SystemExit)
    assert "allowed" in done.stderr or "than or equal to" in done.stderr or "at most" in done.stderr
