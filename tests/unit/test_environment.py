"""A missing setting or service is reported in one line."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas.policy.duty import load_duty
from services.settings import Keys, SettingsError

pytestmark = pytest.mark.long


def confide(*arguments: str, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Return the exit status and the lines on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.decode().splitlines()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    Keys.create(tmp_path / "keys")
    return {
        "KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


@pytest.mark.parametrize(
    "verb", [("worker",), ("connector", "999", "--agency-url", "http://localhost:1"), ("notifier",)]
)
def test_a_kafka_that_does_not_answer(verb: tuple[str, ...], environment: dict[str, str]) -> None:
    assert confide(*verb, environment=environment) == (2, ["confide: Kafka at 127.0.0.1:9 does not answer"])


def test_no_kafka_at_all(environment: dict[str, str]) -> None:
    del environment["KAFKA_BOOTSTRAP"]
    said = "confide: KAFKA_BOOTSTRAP is not set: name the Kafka to use, or run `confide broker start`"
    assert confide("worker", environment=environment) == (2, [said])


def test_a_key_that_is_none_is_named_and_not_shown(tmp_path: Path) -> None:
    Keys.create(tmp_path)
    (tmp_path / "token.key").write_text("secret but no key")
    with pytest.raises(SettingsError, match=r"^key file .*/token\.key: is not hexadecimal$"):
        Keys.load(tmp_path)


def test_keys_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert [path.name for path in Keys.create(folder)] == [
        "master.key",
        "token.key",
    ]
    first = Keys.load(folder)
    assert Keys.create(folder) == []
    assert Keys.load(folder) == first
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert first.master.hex() not in repr(first)


def test_a_key_file_is_never_seen_unfinished_and_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], int]] = []
    link = Path.hardlink_to

    def made_meanwhile(path: Path, unfinished: Path) -> None:
        seen.append(([each.name for each in path.parent.glob("*.key")], unfinished.stat().st_mode & 0o777))
        assert len(unfinished.read_text()) == 65
        if path.stem == "lead-2":
            path.write_text("another's")
        link(path, unfinished)

    monkeypatch.setattr(Path, "hardlink_to", made_meanwhile)
    assert Keys.create_staff(tmp_path, "lead-1") == tmp_path / "staff" / "lead-1.key"
    assert Keys.create_staff(tmp_path, "lead-2") is None
    assert seen == [([], 0o600), (["lead-1.key"], 0o600)]
    assert (tmp_path / "staff" / "lead-2.key").read_text() == "another's"
    assert sorted(each.name for each in (tmp_path / "staff").iterdir()) == ["lead-1.key", "lead-2.key"]


def test_staff_have_keys_of_their_own_made_once_by_an_id_that_is_no_name(environment: dict[str, str]) -> None:
    folder = Path(environment["CONFIDE_KEYS"])
    assert Keys.load(folder).staff == {}
    on_rota = load_duty().staff[0].id
    assert confide("keys", "staff", on_rota, environment=environment) == (0, [])
    first = Keys.load(folder)
    assert confide("keys", "staff", on_rota, str(folder), environment=environment) == (0, [])
    assert Keys.load(folder) == first
    assert list(first.staff) == [on_rota]
    assert (folder / "staff" / f"{on_rota}.key").stat().st_mode & 0o777 == 0o600
    for name in ("Anna Smith", "../master", "anna@example.org"):
        said = ["confide: ID takes up to 64 small letters, digits and dashes"]
        assert confide("keys", "staff", name, environment=environment) == (2, said)
    assert list(Keys.load(folder).staff) == [on_rota]


def test_a_wrong_duty_rota_is_named_with_its_line(environment: dict[str, str], tmp_path: Path) -> None:
    rota = tmp_path / "duty.toml"
    rota.write_text('[escalate_every]\nemergency = "5"\nother = "1 hour"\n')
    environment = environment | {"CONFIDE_DUTY": str(rota)}
    status, (said,) = confide("review", "list", environment=environment)
    assert status == 2
    assert said.startswith(f"confide: {rota}, line 2: escalate_every.emergency: ")


@pytest.mark.parametrize("verb", [("show", ""), ("show", " "), ("decide", "", "--as", "lead-1", "--confirm")])
def test_a_review_is_named_by_an_id(verb: tuple[str, ...], environment: dict[str, str]) -> None:
    said = "confide: ID is the id of a review, or a beginning that no other has: `confide review list` shows them"
    assert confide("review", *verb, environment=environment) == (2, [said])
