"""Every option that takes a time reads the times of the contract, and no other."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from schemas.disclosure import parse_json
from schemas.errors import Invalid
from services.cli import decide
from services.cli.policies import time_of
from services.cli.review_facts import read_fact
from services.cli.review_moments import future, past
from services.settings import SettingsError
from tests.disclosures import raw
from tests.unit.test_scenario_day import FOLDER

#: Before and after the times below, so that only the form decides.
BEFORE, AFTER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def fact(text: str) -> datetime:
    return datetime.fromisoformat(read_fact(f"disclosed_at={text}")["value"])


def disclosed(text: str) -> datetime:
    return parse_json(raw(disclosed_at=text)).disclosed_at


READERS: dict[str, Callable[[str], datetime]] = {
    "--now": lambda text: time_of("--now", text),
    "--as-of": lambda text: time_of("--as-of", text),
    "--at": lambda text: past("--at", text, AFTER),
    "--not-reached-until": lambda text: future("--not-reached-until", text, BEFORE),
    "--fact": fact,
    "a disclosure": disclosed,
}
every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


@every_reader
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-02-03T22:00:00Z", datetime(2026, 2, 3, 22, tzinfo=UTC)),
        ("2026-02-03t22:00:00z", datetime(2026, 2, 3, 22, tzinfo=UTC)),
        ("2026-02-03 22:00Z", datetime(2026, 2, 3, 22, tzinfo=UTC)),
        ("2026-02-03T22:00:00.250+01:00", datetime(2026, 2, 3, 21, 0, 0, 250_000, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_of_the_contract_is_read(read: Callable[[str], datetime], text: str, at: datetime) -> None:
    assert (read(text), read(text).tzinfo) == (at, UTC)


@every_reader
@pytest.mark.parametrize(
    "text",
    [
        "20260203T22Z",
        "20260203T220000Z",
        "2026-W06-2T22:00Z",
        "2026-02-03T22Z",
        "2026-02-03T22:00:00",
        "2026-02-03",
        "2026-02-03T22:00:00+01:00:30",
        "2026-02-30T22:00:00Z",
        "2026-02-03T24:00:00Z",
        "2026-02-03T22:00:60Z",
        "1770152651",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\u0662\u0660\u0662\u0666-02-03T22:00:00Z",
        "",
    ],
)
def test_another_text_is_an_error_and_no_exception(read: Callable[[str], datetime], text: str) -> None:
    with pytest.raises((SettingsError, typer.Exit, Invalid)):
        read(text)


#: A time of a disclosure is a claim, which other rules bound.
every_option = pytest.mark.parametrize("read", list(READERS.values())[:-1], ids=list(READERS)[:-1])


@every_option
@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
)
def test_a_time_that_is_too_far_away_is_an_error_that_says_what_is_allowed(
    read: Callable[[str], datetime], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((SettingsError, typer.Exit)) as refused:
        read(text)
    said = f"{refused.value}{capsys.readouterr().err}"
    assert "is too far away; allowed: from 1970-01-01T00:00:00Z to 2999-12-31T23:59:59Z" in said


def test_decide_at_the_last_time_that_is_allowed_is_no_exception() -> None:
    app = typer.Typer()
    decide.register(app)
    day = str(FOLDER / "day.jsonl")
    for option in ("--now", "--as-of"):
        for text, status in (("2999-12-31T23:59:59Z", 0), ("3000-01-01T00:00:00Z", 2), ("9999-12-31T23:59:59Z", 2)):
            done = CliRunner().invoke(app, [day, option, text])
            assert (done.exit_code, len(done.stderr.splitlines())) == (status, status // 2)
