"""`confide policy`, and `confide decide` under another version, another policy, and in plain English."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import schemas.policy
from schemas.policy import ClauseId
from services.cli.verbs import app
from tests.readable_ids import readable_id
from tests.unit.test_scenario_day import DAY, EXPECTED, FOLDER

pytestmark = pytest.mark.long

RUNNER = CliRunner()
OWN = Path(schemas.policy.__file__).parent / "versions" / "2025-01-01.toml"
TEXT = OWN.read_text(encoding="utf-8")
AT = "2026-02-03T12:00:00Z"
DAY_FILE = str(FOLDER / "day.jsonl")


def confide(*arguments: str, given: bytes | None = None) -> Result:
    return RUNNER.invoke(app, list(arguments), input=given)


def decisions(result: Result) -> list[dict[str, Any]]:
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two versions: one until noon, and one from noon on without reports to social workers."""
    folder = tmp_path / "versions"
    folder.mkdir()
    first = TEXT.replace("Z\n", "Z\neffective_until = 2026-02-03T12:00:00Z\n", 1)
    second = TEXT.replace('version = "2025-01-01"', 'version = "noon"').replace("2025-01-01T00", "2026-02-03T12")
    second = second.replace('agencies = ["social_worker", "101"]', 'agencies = ["101"]')
    (folder / "first.toml").write_text(first, encoding="utf-8")
    (folder / "second.toml").write_text(second, encoding="utf-8")
    return folder


def test_the_day_under_a_folder_of_versions_is_decided_line_by_line_under_its_own(folder: Path) -> None:
    found = decisions(confide("decide", DAY_FILE, "--now", AT, "--policy", str(folder)))

    times = [json.loads(line)["disclosed_at"] for line in DAY]
    assert [each["policy_version"] for each in found] == [
        "noon" if at >= "2026-02-03T12:00:00Z" else "2025-01-01" for at in times
    ]
    assert [each["outcome"] for each in found] == [each["outcome"] for each in EXPECTED["lines"]]
    # Line 11 is of the morning, line 37 of the afternoon; both persons have a social worker.
    assert [found[line - 1]["agencies"][0]["agency"] for line in (11, 37)] == ["social_worker", "101"]


@pytest.mark.parametrize(
    ("as_of", "version", "agency"),
    [
        ("2025-06-01T00:00:00Z", "2025-01-01", "social_worker"),
        ("2026-02-03T12:59:59+01:00", "2025-01-01", "social_worker"),
        ("2026-02-03T13:00:00+01:00", "noon", "101"),
    ],
)
def test_as_of_decides_everything_under_the_version_of_that_time(
    folder: Path, as_of: str, version: str, agency: str
) -> None:
    found = decisions(confide("decide", DAY_FILE, "--now", AT, "--policy", str(folder), "--as-of", as_of))

    assert {each["policy_version"] for each in found} == {version}
    assert [found[line - 1]["agencies"][0]["agency"] for line in (11, 37)] == [agency, agency]
    # The scope is that of the whole set: no disclosure of the morning is out of scope.
    assert [each["outcome"] for each in found] == [each["outcome"] for each in EXPECTED["lines"]]


def test_a_policy_file_decides_everything_by_itself(folder: Path) -> None:
    found = decisions(confide("decide", DAY_FILE, "--now", AT, "--policy", str(folder / "second.toml")))

    assert {each["policy_version"] for each in found} == {"noon"}
    # The scope of this file alone begins at noon.
    assert [found[line - 1]["outcome"] for line in (11, 37)] == ["out_of_scope", "refer"]


def test_a_past_decision_is_replayed_alike() -> None:
    assert decisions(confide("decide", DAY_FILE, "--now", AT, "--as-of", AT)) == decisions(
        confide("decide", DAY_FILE, "--now", AT)
    )


def test_an_explanation_is_read_by_a_person() -> None:
    result = confide("decide", "-", "--now", AT, "--explain", given=DAY[25])

    assert result.exit_code == 0
    assert "REVIEW: a trained person has to look" in result.stdout
    assert "  how old they are (subject.age)\n    under 16: refer; to 101" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    given = json.loads(DAY[25])
    identifying = [given["subject"][name] for name in ("account", "phone", "email")] + [given["summary"]]
    assert [each for each in identifying if each and each in result.stdout] == []


def test_bad_lines_are_named_beside_explanations() -> None:
    result = confide("decide", "-", "--now", AT, "--explain", given=b"{}\n" + DAY[0])

    assert result.exit_code == 1
    assert result.stderr.startswith("line 1: ")
    assert "EMERGENCY: the emergency services are told." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--policy", "none.toml"], "confide: none.toml: No such file or directory"),
        (["--as-of", "yesterday"], "confide: --as-of yesterday: is not a time"),
        (["--as-of", "2026-02-03T12:00:00"], "confide: --as-of 2026-02-03T12:00:00: is not a time"),
        (
            ["--as-of", "2024-01-01T00:00:00Z"],
            "confide: --as-of 2024-01-01T00:00:00Z: no version was in force then; allowed: from 2025-01-01T00:00:00",
        ),
    ],
    ids=readable_id,
)
def test_a_wrong_argument_is_one_line_of_error(arguments: list[str], said: str) -> None:
    result = confide("decide", "-", *arguments, given=DAY[0])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


def test_a_wrong_policy_is_a_line_for_each_fault(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(TEXT.replace('"30 days"', '"30"').replace('["101", "social_worker"]', '["vicar"]'), "utf-8")

    result = confide("decide", "-", "--policy", str(path), given=DAY[0])

    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    line = TEXT.count("\n", 0, TEXT.index("current_for =")) + 1
    assert first.startswith(f"confide: {path}, line {line}: current_for: '30' is not a length of time with its unit")
    assert "routes[4].agencies[0]: 'vicar' is not an agency" in second


def test_the_table_is_shown() -> None:
    result = confide("policy", "show")

    assert result.exit_code == 0
    assert result.stdout.startswith("version: 2025-01-01\n")
    assert all(f"\n{clause}" in result.stdout for clause in ClauseId)
    assert (
        "  It holds when they are under 18; and they are homeless or they are at risk of homelessness." in result.stdout
    )
    assert "  Where they do not say that they are safe, holds when" in result.stdout
    assert result.stdout == confide("policy", "show", "2025-01-01").stdout == confide("policy", "show", str(OWN)).stdout


def test_the_table_as_json() -> None:
    shown = json.loads(confide("policy", "show", "--json").stdout)

    assert (shown["version"], shown["current_for"]) == ("2025-01-01", "30 days")
    clauses = {each["id"]: each for each in shown["clauses"]}
    assert list(clauses) == list(ClauseId)
    assert clauses["LT-2"]["facts"] == ["under_18", "adult_at_risk", "ongoing"]


def test_a_changed_route_shows_whom_it_affects(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    changed = TEXT.replace('version = "2025-01-01"', 'version = "other"')
    path.write_text(changed.replace('agencies = ["social_worker", "101"]', 'agencies = ["101"]'), encoding="utf-8")

    result = confide("policy", "diff", "2025-01-01", str(path), "--examples", "1")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "From 2025-01-01 to other"
    assert [line for line in lines if line[:2] in ("LT", "IR")] == ["LT-2: 336 of 3,888", "LT-4: 24 of 144"]
    assert lines.count("    was:     refer; to their social worker (LT-4)") == 1
    assert lines.count("    becomes: refer; to 101 (the non-emergency police line) (LT-4)") == 1
    as_json = json.loads(confide("policy", "diff", "2025-01-01", str(path), "--json").stdout)
    assert as_json["changed"] == 336 + 24
    assert {each["clause"]: sum(change["count"] for change in each["changes"]) for each in as_json["clauses"]} == {
        clause: {"LT-2": 336, "LT-4": 24}.get(clause, 0) for clause in ClauseId if clause.startswith(("IR-", "LT-"))
    }


def test_equal_versions_differ_in_nothing() -> None:
    result = confide("policy", "diff", "2025-01-01", str(OWN))

    assert result.exit_code == 0
    assert "No value differs." in result.stdout
    assert "For whom: 0 of " in result.stdout


@pytest.mark.parametrize("arguments", [["show", "1999"], ["diff", "2025-01-01", "1999"]], ids=readable_id)
def test_a_version_that_is_not_there_is_one_line(arguments: list[str]) -> None:
    result = confide("policy", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "confide: there is no version '1999' of the policy: 2025-01-01; and no file has that name\n"
    )
