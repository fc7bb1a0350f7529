"""`confide load` reports a missing package in one line."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest
from typer.testing import CliRunner

from services.cli.verbs import app
from services.settings import SettingsError


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without_hdrh(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "hdrh" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_hdrh)
    done = CliRunner().invoke(app, ["load", "--rate", "1", "--seconds", "2"])
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception) == "hdrh not installed: run `pip install 'confide[load]'`"


@pytest.mark.parametrize(
    "options", [("--rate", "0"), ("--seconds", "0"), ("--urgent", "1.1"), ("--duplicates", "0.6", "--malformed", "0.6")]
)
def test_options_that_make_no_sense_are_refused(options: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["load", "--rate", "1", "--seconds", "2", *options])
    assert done.exit_code == 2
