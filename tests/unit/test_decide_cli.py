"""`confide decide`: reads JSON lines, writes decisions, and writes one error for each bad line."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from schemas.records import Decision
from services.cli import decide
from tests.unit.test_scenario_day import DAY, EXPECTED, FOLDER

RUNNER = CliRunner()
APP = typer.Typer()
decide.register(APP)
AT = "2026-02-03T12:00:00Z"
BAD = (FOLDER / "bad.jsonl").read_bytes().splitlines()


def confide(*arguments: str, given: bytes | None = None) -> Result:
    # With a second verb typer keeps the names of both, as in the real command.
    return RUNNER.invoke(APP, list(arguments), input=given)


def decisions(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_day_is_decided_line_by_line() -> None:
    result = confide(str(FOLDER / "day.jsonl"), "--now", AT)

    assert (result.exit_code, result.stderr) == (0, "")
    assert [each["outcome"] for each in decisions(result)] == [each["outcome"] for each in EXPECTED["lines"]]
    assert {each["person"] for each in decisions(result)} == {None}
    assert {each["decided_at"] for each in decisions(result)} == {AT}
    assert all(Decision.model_validate_json(line) for line in result.stdout.splitlines())


def test_the_output_is_in_the_contract_s_names() -> None:
    decided = decisions(confide(str(FOLDER / "day.jsonl"), "--now", AT))

    assert decided[12]["agencies"] == [{"agency": "care_team", "service": None, "clauses": ["LT-1"]}]
    clauses = {each["id"]: each for each in decided[12]["clauses"]}
    assert clauses["LT-1"] == {
        "id": "LT-1",
        "state": "holds",
        "facts": {"under_18": True, "intent": True, "timeframe": "within_30_days"},
    }
    assert clauses["IR-1"] == {
        "id": "IR-1",
        "state": "does_not_hold",
        "facts": {"plan": False, "timeframe": "within_30_days"},
    }
    assert decided[12]["notify"] == {"due": True, "by": ["direct_message", "sms"], "withheld_because": None}
    assert decided[20]["review"] == {
        "reason": "missing_fact",
        "asks": ["subject.age"],
        "deadline": "2026-02-04T12:00:00Z",
    }


def test_the_output_is_repeatable_and_the_clock_s_otherwise() -> None:
    first = confide("-", "--now", AT, given=DAY[0])

    assert first.stdout == confide("-", "--now", "2026-02-03T13:00:00+01:00", given=DAY[0]).stdout
    assert decisions(confide("-", given=DAY[0]))[0]["decided_at"] > "2026-02-03"


def test_no_time_counts_as_later_than_the_time_of_the_call() -> None:
    """A person who is 16 now would be 25 by the clock of the sender."""
    line = json.loads(DAY[0])
    line["subject"] |= {"date_of_birth": "2009-06-01", "age": None, "age_band": None}

    def at(time: str) -> bytes:
        return json.dumps(
            {**line, "disclosed_at": time, "assessment": {**line["assessment"], "assessed_at": time}}
        ).encode()

    (ahead,) = decisions(confide("-", "--now", AT, given=at("2035-01-01T00:00:00Z")))
    (true,) = decisions(confide("-", "--now", AT, given=at(AT)))
    assert ahead.pop("notes") == [
        "disclosed_at: is after it arrived: counted as disclosed when it arrived",
        "assessment.assessed_at: is after it arrived: counted as assessed when it arrived",
    ]
    assert true.pop("notes") == []
    assert ahead == true


@pytest.mark.parametrize("option", ["--now", "--as-of"])
@pytest.mark.parametrize("time", ["2024-01-01", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z", "1970-01-01T00:00:00Z"])
def test_a_time_before_the_first_version_is_refused(option: str, time: str) -> None:
    result = confide("-", option, time, given=DAY[0])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"confide: {option} {time}: ")


def test_the_time_of_the_first_version_is_allowed() -> None:
    for option in ("--now", "--as-of"):
        assert confide("-", option, "2025-01-01T00:00:00Z", given=DAY[0]).exit_code == 0


@pytest.mark.parametrize("expected", EXPECTED["bad"], ids=lambda expected: f"line {expected['line']}")
def test_bad_line(expected: dict[str, Any]) -> None:
    line = BAD[expected["line"] - 1]
    good = DAY[0]

    result = confide("-", "--now", AT, given=good + b"\n" + line + b"\n" + good + b"\n")

    assert result.exit_code == 1
    assert len(decisions(result)) == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"line 2: {''.join(expected['names'])}")


def test_every_bad_line_is_named_and_none_is_decided() -> None:
    result = confide(str(FOLDER / "bad.jsonl"))

    assert (result.exit_code, result.stdout) == (1, "")
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == [f"line {n}" for n in range(1, 9)]
    assert any(
        line.startswith("line 7: concerns[0].kind: must be one of: suicide, ") for line in result.stderr.splitlines()
    )


def test_no_error_repeats_what_identifies_a_person() -> None:
    errors = confide(str(FOLDER / "bad.jsonl")).stderr

    for line in BAD[1:]:
        fields = json.loads(line)
        identifying = [fields["subject"][name] for name in ("account", "phone", "email")] + [fields["summary"]]
        assert [value for value in identifying if value is not None and value in errors] == []
    assert "900956" not in errors


def test_a_line_that_is_no_json_or_no_text_is_named() -> None:
    result = confide("-", given=b"[]\n\xff\xfe\nnull\n" + b"[" * 5000 + b"\n" + b"\n".join(DAY[:2]))

    assert (result.exit_code, len(decisions(result))) == (1, 2)
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["line 1", "line 2", "line 3", "line 4"]


def test_blank_lines_are_skipped_and_counted() -> None:
    result = confide("-", "--now", AT, given=b"\n" + DAY[0] + b"\r\n   \n{}\n")

    assert len(decisions(result)) == 1
    assert result.stderr.startswith("line 4: ")


def test_nothing_in_nothing_out() -> None:
    result = confide("-", given=b"")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    result = confide(str(tmp_path / name))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("confide: ")


@pytest.mark.parametrize("now", ["yesterday", "2026-02-03T12:00:00", ""])
def test_a_time_that_is_none_is_one_line(now: str) -> None:
    result = confide("-", "--now", now, given=DAY[0])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"confide: --now {now}")


def test_a_decision_is_out_before_the_next_line_is_in() -> None:
    program = "import typer; from services.cli import decide; app = typer.Typer(); decide.register(app); app()"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", program, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # A line that never comes must fail this test, not block it.
        ending = threading.Timer(20, process.kill)
        ending.start()
        for line in DAY[:2]:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["disclosure_id"] == json.loads(line)["disclosure_id"]
        process.stdin.close()

        assert process.wait() == 0
        ending.cancel()
