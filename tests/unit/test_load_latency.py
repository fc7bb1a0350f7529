"""Latencies are reported as measured, and begin when a disclosure is due."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.codec import encode
from schemas.records import Decision
from schemas.topics import TopicName
from services.load.latency import Latencies
from services.load.observer import Observer
from services.load.plan import Kind, Mix, Options, Plan
from services.load.schedule import Arrivals

PLAN = Plan(
    Options(rate=100, seconds=10, arrivals=Arrivals.STEADY, mix=Mix(0, 0, 0.5, 0)),
    "00ff00ff00ff",
)


def unreadable(value: bytes | None) -> Any:
    return SimpleNamespace(topic=str(TopicName.DELIVERIES), value=value)


def decision(index: int) -> Any:
    value = Decision.model_validate(
        {
            "decision_id": f"decision-{index}",
            "disclosure_id": PLAN.ids.of(index),
            "person": f"person-{PLAN.line(index).person}",
            "policy_version": "1",
            "decided_at": "2026-02-03T21:04:11Z",
            "outcome": "confidential",
            "clauses": [],
            "notify": {"due": False},
        }
    )
    return SimpleNamespace(topic=TopicName.DECISIONS, value=encode("Decision", value.model_dump()))


def test_percentiles_are_those_of_the_values_to_three_digits() -> None:
    latencies = Latencies()
    for millisecond in range(1, 10_001):
        latencies.record(millisecond / 1_000)
    result = latencies.percentiles()
    assert latencies.count == 10_000
    assert result[50.0] == pytest.approx(5_000, rel=0.002)
    assert result[99.0] == pytest.approx(9_900, rel=0.002)
    assert result[99.9] == pytest.approx(9_990, rel=0.002)
    fields = latencies.fields()
    assert fields["max"] == pytest.approx(10_000, rel=0.002)
    assert fields["mean"] == pytest.approx(5_000.5, rel=0.002)
    assert [percentile for percentile, _ in fields["curve"]] == sorted(percentile for percentile, _ in fields["curve"])


def test_nothing_counted_has_no_percentiles_and_more_than_the_range_is_not_lost() -> None:
    assert Latencies().percentiles() == {}
    assert Latencies().fields() == {"count": 0}
    latencies = Latencies()
    latencies.record(-0.5)
    latencies.record(1e9)
    assert latencies.count == 2
    assert latencies.fields()["max"] == pytest.approx(3_600_000, rel=0.002)


def test_a_decision_is_as_late_as_its_disclosure_has_waited_since_it_was_due() -> None:
    """All decisions are read at the end, as after a stalled sender: the first waited longest."""
    observer = Observer(PLAN)
    observer.begin(1_000.0)
    for index in range(len(PLAN.due)):
        observer.take(decision(index), 1_010.0)
    result = observer.result()["latency"]["decision"]
    assert result["all"]["count"] == 1_000
    assert result["all"]["max"] == pytest.approx(10_000, rel=0.002)
    assert result["all"]["p50"] == pytest.approx(5_000, rel=0.005)
    urgent = [10_000 - 10 * index for index in range(1_000) if PLAN.kinds[index] == Kind.URGENT]
    assert result["urgent"]["count"] == len(urgent)
    assert result["urgent"]["mean"] == pytest.approx(sum(urgent) / len(urgent), rel=0.002)
    assert result["routine"]["count"] == 1_000 - len(urgent)


def test_the_lag_is_what_is_due_and_not_decided() -> None:
    observer = Observer(PLAN)
    assert observer.sample(999.0)["due"] == 0
    observer.begin(1_000.0)
    for index in range(120):
        observer.take(decision(index), 1_001.0)
    sampled = observer.sample(1_002.0)
    assert (sampled["due"], sampled["decided"], sampled["settled"]) == (201, 120, False)
    for index in range(120, 1_000):
        observer.take(decision(index), 1_011.0)
    assert observer.sample(1_011.0)["settled"] is True
    assert observer.result()["samples"] == [(2.0, 201, 120, 0), (11.0, 1_000, 1_000, 0)]


def test_a_result_is_json_and_names_no_person() -> None:
    observer = Observer(PLAN)
    observer.begin(0.0)
    observer.take(decision(3), 1.0)
    result = json.dumps(observer.result())
    assert PLAN.ids.of(4) in result, "an undecided disclosure is listed by its id"
    assert "person-" not in result


def test_what_cannot_be_read_is_passed_over_and_counted() -> None:
    observer = Observer(PLAN)
    observer.begin(0.0)
    for value in (None, b"", b"\x00junk"):
        observer.take(unreadable(value), 1.0)
    observer.take(decision(3), 1.0)
    assert observer.result()["passed_over"] == 3
    assert observer.sample(1.0)["decided"] == 1
