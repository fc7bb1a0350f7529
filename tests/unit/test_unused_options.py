"""An option that a command would not use is refused with exit status 2."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.cli import gateway, load
from services.settings import SettingsError

VARIABLES = (
    "CONFIDE_CREDENTIALS",
    "CONFIDE_TOKEN_ISSUER",
    "CONFIDE_TOKEN_AUDIENCE",
    "CONFIDE_TOKEN_KEYS",
    "CONFIDE_TOKEN_CLIENTS",
    "CONFIDE_GATEWAY_HOSTS",
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "KAFKA_BOOTSTRAP"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Replace the gateway's process by a list of its doors."""
    doors: list[object] = []
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr("services.cli.gateway.find_settings", lambda: type("Settings", (), {"bootstrap": ""}))
    for name in ("configure", "shutdown"):
        monkeypatch.setattr(f"services.cli.gateway.{name}", lambda *_: None)
    monkeypatch.setattr("services.cli.gateway.run", lambda *_, door, **__: doors.append(door))
    return doors


def confide(module: object, *options: str) -> Result:
    app = typer.Typer()
    module.register(app)  # type: ignore[attr-defined]
    return CliRunner().invoke(app, list(options))


@pytest.mark.parametrize(
    "option",
    ["--credentials", "--token-issuer", "--token-audience", "--token-keys", "--token-clients", "--allow-host"],
)
def test_an_open_door_refuses_each_option_of_credentials(started: list[object], option: str) -> None:
    refused = confide(gateway, "--open", option, "x").exception
    assert isinstance(refused, SettingsError)
    assert str(refused) == f"--open asks for no credential; not allowed with it: {option}"
    assert started == []


@pytest.mark.parametrize("variable", VARIABLES)
def test_an_open_door_names_each_variable_that_it_does_not_use(
    started: list[object], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "x")
    done = confide(gateway, "--open")
    assert (done.exit_code, len(started)) == (0, 1)
    assert done.stderr == f"confide: --open asks for no credential; not used: {variable}\n"


def test_an_open_door_without_other_options_says_nothing(started: list[object]) -> None:
    done = confide(gateway, "--open", "--port", "0")
    assert (done.exit_code, len(started), done.stderr) == (0, 1, "")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--workers", "1"), "--workers"),
        (("--partitions", "4"), "--partitions"),
        (("--partitions", "2", "--workers", "2"), "--workers and --partitions"),
    ],
    ids=["workers", "partitions", "both"],
)
def test_a_named_kafka_has_its_own_workers_and_partitions(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], named: str
) -> None:
    monkeypatch.setattr("services.cli.load.find_bootstrap", lambda: "127.0.0.1:1")
    refused = confide(load, "--rate", "1", "--seconds", "2", *options).exception
    assert isinstance(refused, SettingsError)
    assert str(refused).startswith(f"{named} would not be used: ")


@pytest.mark.parametrize("options", [(), ("--backlog", "0")], ids=["none", "of none"])
def test_there_is_no_drain_without_a_backlog(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = confide(load, "--rate", "1", "--seconds", "2", "--out", str(tmp_path / "out"), "--drain", *options)
    assert (done.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert "--backlog" in done.stderr
