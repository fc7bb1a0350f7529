"""Log of a simulated agency: one accepted line a report, even if the process dies or the disk is full."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulated_agencies.log import AgencyLog, Attempt, Seen, reference

AT = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)


def attempt(report_id: str | None = "r-1", number: int = 1, **body: Any) -> Attempt:
    return Attempt(report_id, number, {"report_id": report_id, "kind": "new", "refers_to": None, **body})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agencies" / "999.jsonl"


def test_the_first_is_accepted_and_every_other_attempt_is_written_down_too(path: Path) -> None:
    log = AgencyLog(path)
    seen = [
        log.record(attempt(number=1), AT),
        log.record(attempt(number=2), AT),
        log.record(attempt(number=3, where="elsewhere"), AT),
        log.record(attempt("r-2"), AT, refuse=True),
        log.record(attempt("r-2", 2), AT),
        log.record(Attempt(None, 0, "not json"), AT),
    ]
    assert seen == [Seen.ACCEPTED, Seen.REPEAT, Seen.CONFLICT, Seen.REFUSED, Seen.ACCEPTED, Seen.REFUSED]
    written = lines(path)
    assert [(line["report_id"], line["attempt"], line["accepted"]) for line in written] == [
        ("r-1", 1, True),
        ("r-1", 2, False),
        ("r-1", 3, False),
        ("r-2", 1, False),
        ("r-2", 2, True),
        (None, 0, False),
    ]
    assert set(written[0]) == {"at", "report_id", "kind", "refers_to", "attempt", "possible_repeat", "accepted", "body"}
    assert written[0]["at"] == "2026-02-03T21:10:00+00:00"
    assert written[2]["body"]["where"] == "elsewhere"
    assert written[5]["body"] == "not json"


def test_kind_and_what_it_refers_to_come_from_the_request(path: Path) -> None:
    AgencyLog(path).record(attempt("r-2", kind="supplement", refers_to="r-1"), AT)
    assert (lines(path)[0]["kind"], lines(path)[0]["refers_to"]) == ("supplement", "r-1")


def test_what_was_accepted_is_known_after_a_restart(path: Path) -> None:
    AgencyLog(path).record(attempt(), AT)
    again = AgencyLog(path)
    assert again.record(attempt(number=2), AT) is Seen.REPEAT
    assert again.record(attempt(number=3, age=17), AT) is Seen.CONFLICT
    assert again.record(attempt("r-2"), AT) is Seen.ACCEPTED


def test_the_order_of_fields_makes_no_other_content(path: Path) -> None:
    log = AgencyLog(path)
    log.record(Attempt("r-1", 1, {"report_id": "r-1", "age": 17}), AT)
    assert log.record(Attempt("r-1", 2, {"age": 17, "report_id": "r-1"}), AT) is Seen.REPEAT


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, 10_000))
def test_killed_at_any_byte_of_a_write_a_report_is_accepted_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "999.jsonl"
    log = AgencyLog(path)
    log.record(attempt("r-1"), AT)
    before = path.stat().st_size
    log.record(attempt("r-2", summary="ü\n" * 20), AT)
    os.truncate(path, max(before, path.stat().st_size - cut))
    again = AgencyLog(path)
    for report_id in ("r-1", "r-2"):
        again.record(attempt(report_id, 2, **({"summary": "ü\n" * 20} if report_id == "r-2" else {})), AT)
    accepted = [line["report_id"] for line in lines(path) if line["accepted"]]
    assert sorted(accepted) == ["r-1", "r-2"]


@pytest.mark.parametrize("damage", [b"\xff\n", b"{\n", b"[]\n", b"{}\n", b"[" * 100_000 + b"\n"])
def test_a_damaged_line_is_passed_over_and_the_rest_is_known(path: Path, damage: bytes) -> None:
    log = AgencyLog(path)
    log.record(attempt("r-1"), AT)
    log.record(attempt("r-2"), AT)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + damage + second)
    again = AgencyLog(path)
    assert [again.record(attempt(report, 2), AT) for report in ("r-1", "r-2")] == [Seen.REPEAT, Seen.REPEAT]


def test_a_disk_that_is_full_leaves_the_log_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AgencyLog(path)
    log.record(attempt("r-1"), AT)
    whole = path.read_bytes()
    write = os.write

    def full(file: int, data: bytes) -> int:
        write(file, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        log.record(attempt("r-2"), AT)
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert log.record(attempt("r-2", 2), AT) is Seen.ACCEPTED


def test_the_log_is_readable_by_its_owner_alone(path: Path) -> None:
    AgencyLog(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_reference_is_the_same_whenever_it_is_asked_and_another_for_another_report() -> None:
    assert reference("999", "r-1") == reference("999", "r-1")
    assert len({reference("999", "r-1"), reference("999", "r-2"), reference("101", "r-1")}) == 3
