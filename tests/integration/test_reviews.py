"""A review on a real broker: requested, escalated although a worker is killed, shown, confirmed and reported once."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.codec import decode
from schemas.records import ReviewRequested
from schemas.reviews import ReviewOutcome
from schemas.telemetry import Attribute, Metric
from schemas.topics import CATALOGUE, TopicName
from services.review.reading import Topics
from services.review.send_outcome import NotYet, send_outcome, signed
from services.settings import Keys
from tests.disclosures import fields, id_of
from tests.processes import Processes, processes
from tests.tails import Tail

pytestmark = pytest.mark.integration

SECONDS = "2"
LEAD, SUPERVISOR = "lead-1", "supervisor-1"
DUTY = f"""
[escalate_every]
emergency = "1 minute"
other = "1 minute"
[[staff]]
id = "{LEAD}"
role = "safeguarding_lead"
on_duty = ["daily 00:00-24:00"]
[[staff]]
id = "{SUPERVISOR}"
role = "clinical_supervisor"
on_duty = ["daily 00:00-24:00"]
"""
WATCHED = (TopicName.REVIEWS, TopicName.DECISIONS, TopicName.REPORTS_999, TopicName.NOTIFICATIONS)
VOLUNTEER = {"assessed_at": "2026-02-03T21:09:40Z", "assessor": "volunteer"}


@pytest.fixture
def bootstrap(own_broker: Callable[[], LocalBroker]) -> str:
    broker = own_broker()
    apply(broker.bootstrap, 2)
    return broker.bootstrap


@pytest.fixture
def house(bootstrap: str, tmp_path: Path) -> Iterator[Processes]:
    keys = tmp_path / "keys"
    Keys.create(keys)
    (tmp_path / "duty.toml").write_text(DUTY)
    (tmp_path / "metrics").mkdir()
    environment = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "CONFIDE_KEYS": str(keys),
        "CONFIDE_DUTY": str(tmp_path / "duty.toml"),
        "CONFIDE_METRICS": str(tmp_path / "metrics"),
    }
    with processes(environment, tmp_path) as confide:
        for name in (LEAD, SUPERVISOR):
            assert confide.run("keys", "staff", name).returncode == 0
        yield confide


class Watched:
    """All records of the watched topics, in their order."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._came: list[tuple[str, dict[str, Any]]] = []

    def until(self, done: Callable[["Watched"], bool], what: str) -> None:
        for _ in range(200):
            if done(self):
                return
            for record in self._tail.take(1, seconds=0.4):
                self._came.append((record.topic, decode(record.value, *CATALOGUE[record.topic].carries)[1]))
        raise AssertionError(f"{what} did not come")

    def on(self, topic: str) -> list[dict[str, Any]]:
        return [came for where, came in self._came if where == topic]

    def steps(self, disclosure: str | None) -> list[int]:
        requests = [each for each in self.on(TopicName.REVIEWS) if "escalation" in each]
        return [each["escalation"] for each in requests if each["disclosure_id"] == disclosure]


def produce(house: Processes, *lines: dict[str, Any]) -> None:
    done = house.run("produce", "-", given="".join(json.dumps(line) + "\n" for line in lines).encode())
    assert done.returncode == 0, done.stderr


def listed(house: Processes, *arguments: str) -> list[dict[str, Any]]:
    done = house.run("review", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.faults
def test_a_review_escalates_over_a_killed_worker_and_is_settled_once(
    house: Processes, bootstrap: str, tmp_path: Path
) -> None:
    with Tail(bootstrap, *WATCHED) as tail:
        watched = Watched(tail)
        worker = house.start_module("tests.review_worker", SECONDS)
        worker.announced()
        produce(house, fields("d-1", assessment=VOLUNTEER))
        watched.until(lambda came: 1 in came.steps(id_of("d-1")), "the first escalation")
        worker.kill()
        worker = house.start_module("tests.review_worker", SECONDS)
        worker.announced()
        watched.until(lambda came: 3 in came.steps(id_of("d-1")), "the third escalation")

        (review,) = listed(house)
        assert (review["reason"], review["proposed"]) == ("confirmation", "emergency")
        assert review["escalation"] >= 3  # it escalates further while the console reads
        assert review["overdue_seconds"] > 0
        assert review["on_duty"] in (LEAD, SUPERVISOR)
        shown = house.run("review", "show", review["review_id"]).stdout.decode()
        assert "The assessor's own words." in shown
        assert "Proposed: emergency, to 999 ambulance (IR-1)." in shown

        wrong = house.run("review", "decide", review["review_id"], "--as", LEAD, "--fact", "concerns[3].plan=true")
        assert wrong.returncode == 1
        assert b"concerns[3].plan: is of no concern of this disclosure" in wrong.stderr
        confirmed = house.run("review", "decide", review["review_id"], "--as", SUPERVISOR, "--confirm")
        assert (confirmed.returncode, confirmed.stdout[:8]) == (0, b"Settled "), confirmed.stderr
        assert listed(house) == []
        (ended,) = listed(house, "--all")
        assert ended["settled"]["by"] == SUPERVISOR
        after = json.loads(house.run("review", "show", review["review_id"], "--json").stdout)
        assert [(each["agency"], each["state"]) for each in after["reports"]] == [("999", None)]
        shown = house.run("review", "show", review["review_id"]).stdout.decode()
        assert f"Decision {ended['settled']['decision_id']} followed." in shown
        assert "to 999: not taken up yet." in shown

        same = house.run("review", "decide", review["review_id"], "--as", SUPERVISOR, "--confirm")
        assert (same.returncode, same.stdout) == (0, b"settled already, as you say\n" + confirmed.stdout), same.stderr
        again = house.run("review", "decide", review["review_id"], "--as", LEAD, "--refuse", "entered_in_error")
        assert (again.returncode, again.stderr) == (1, b"confide: supervisor-1 settled it before\n")
        assert answer_late(bootstrap, tmp_path, review["review_id"]) == NotYet()
        # The next disclosure of the same person is decided after any effect that the late outcome could have.
        produce(house, fields("d-2", assessment=VOLUNTEER))
        watched.until(lambda came: len(came.on(TopicName.DECISIONS)) >= 3, "the next decision")
        assert worker.stop() == 0

        # Metrics of the worker that was not killed: escalations, and outcomes of the review.
        counted = counts(tmp_path / "metrics")
        assert counted[Metric.REVIEWS_ESCALATED, "confirmation"] >= 2
        assert counted[Metric.REVIEW_OUTCOMES, "confirm"] == counted[Metric.REVIEW_OUTCOMES, "late"] == 1

        steps = watched.steps(id_of("d-1"))
        assert steps == list(range(len(steps)))
        first, second, third = watched.on(TopicName.DECISIONS)
        assert [first["outcome"], second["outcome"], third["outcome"]] == ["review", "emergency", "review"]
        assert (second["caused_by"], second["supersedes"]) == ("review_outcome", first["decision_id"])
        (report,) = watched.on(TopicName.REPORTS_999)
        assert report["decision_id"] == second["decision_id"]
        assert len(watched.on(TopicName.NOTIFICATIONS)) == 1
        assert len([each for each in watched.on(TopicName.REVIEWS) if "settled_at" in each]) == 1


def counts(folder: Path) -> dict[tuple[str, str], int]:
    """Return the last value of each counter of reviews, by its attributes."""
    found: dict[tuple[str, str], int] = {}
    for path in sorted(folder.glob("review-worker-*.jsonl"), key=lambda path: path.stat().st_mtime):
        for line in path.read_text().splitlines():
            for resource in json.loads(line)["resource_metrics"]:
                for metric in (each for scope in resource["scope_metrics"] for each in scope["metrics"]):
                    for point in metric["data"]["data_points"]:
                        where = point["attributes"]
                        what = where.get(Attribute.REVIEW_REASON) or where.get(Attribute.REVIEW_DECISION)
                        if what is not None:
                            found[metric["name"], what] = point["value"]
    return found


def answer_late(bootstrap: str, folder: Path, review_id: str) -> Any:
    """Send a second outcome without the console's own check, and return its result."""
    topics = Topics(bootstrap)
    try:
        known = topics.review_index().find(review_id)
    finally:
        topics.close()
    said = {
        "review_id": review_id,
        "by": LEAD,
        "role": "safeguarding_lead",
        "decided_at": datetime.now(UTC),
        "decision": "confirm",
        "signature": b"",
    }
    key = Keys.load(folder / "keys").staff[LEAD]
    return send_outcome(bootstrap, known, signed(ReviewOutcome.model_validate(said), key), wait=1.5)


def test_an_urgent_record_that_is_rejected_waits_for_a_person(house: Processes, bootstrap: str) -> None:
    with Tail(bootstrap, *WATCHED) as tail:
        watched = Watched(tail)
        house.start_module("tests.review_worker", SECONDS).announced()
        producer = KafkaProducer(bootstrap_servers=bootstrap)
        producer.send(str(TopicName.TEXT_LINE_DISCLOSURES_URGENT), value=b'{"line": "cut o').get(10)
        producer.close()
        watched.until(lambda came: 1 in came.steps(None), "the escalation")
        (review,) = listed(house)
        assert (review["reason"], review["person"], review["disclosure_id"]) == ("rejected", None, None)
        assert review["rejected_records"][0]["topic"] == TopicName.TEXT_LINE_DISCLOSURES_URGENT
        shown = house.run("review", "show", review["review_id"][:13]).stdout.decode()
        assert '{"line": "cut o' in shown
        assert "  --entered-again ID --records 1\n" in shown
        wrong = house.run("review", "decide", review["review_id"], "--as", LEAD, "--confirm")
        assert (wrong.returncode, b"--entered-again ID --records N or --nothing-in-it" in wrong.stderr) == (2, True), (
            wrong.stderr
        )
        decided = ("review", "decide", review["review_id"], "--as", LEAD)
        seen = house.run(*decided, "--nothing-in-it", "entered_in_error")
        assert seen.returncode == 0, seen.stderr
        assert b" UTC by lead-1 (safeguarding_lead): nothing in it (entered_in_error).\n" in seen.stdout
        assert listed(house) == []
        assert watched.on(TopicName.DECISIONS) == []
        request = ReviewRequested.model_validate(watched.on(TopicName.REVIEWS)[0])
        assert request.section is None


@pytest.mark.faults
def test_what_was_refused_is_one_review_that_closes_once_each_came_again_and_was_accepted(
    house: Processes, bootstrap: str
) -> None:
    with Tail(bootstrap, *WATCHED) as tail:
        watched = Watched(tail)
        house.start_module("tests.review_worker", "60").announced()
        refused = [{**fields(name), "disclosed_at": "yesterday"} for name in ("d-1", "d-2")]
        lines = "".join(json.dumps(line) + "\n" for line in refused)
        assert house.run("produce", "-", given=lines.encode()).returncode == 1
        watched.until(
            lambda came: [len(each["rejected_records"]) for each in came.on(TopicName.REVIEWS)] == [1, 2], "the review"
        )
        (review,) = listed(house)
        assert {each["disclosure_id"] for each in review["rejected_records"]} == {id_of("d-1"), id_of("d-2")}
        shown = house.run("review", "show", review["review_id"]).stdout.decode()
        assert "Record 1 as it came:" in shown
        assert "Record 2 as it came:" in shown
        assert "  --entered-again ID --records 2\n" in shown
        as_json = json.loads(house.run("review", "show", review["review_id"], "--json").stdout)
        assert [(each["is"], each["fields"]["disclosed_at"], each["sections"]) for each in as_json["rejected"]] == [
            ("JSON", "yesterday", [])
        ] * 2
        blind = house.run("review", "decide", review["review_id"], "--as", LEAD, "--nothing-in-it", "already_reported")
        assert (blind.returncode, b"--records is required" in blind.stderr) == (2, True), blind.stderr
        produce(house, fields("d-1"))
        watched.until(lambda came: len(came.on(TopicName.DECISIONS)) == 1, "the first decision")
        assert len(listed(house)) == 1
        produce(house, fields("d-2"))
        watched.until(
            lambda came: any(each["decision"] == "accepted" for each in came.on(TopicName.REVIEWS) if "by" in each),
            "the end",
        )
        assert listed(house) == []
        shown = house.run("review", "show", review["review_id"]).stdout.decode()
        assert "by the service: accepted." in shown
