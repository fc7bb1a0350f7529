"""An invented run without faults, and changes that add faults: for the tests of the account."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from schemas.codec import decode, encode
from schemas.disclosure import Disclosure, disclosure_key
from schemas.partitioner import partition_for
from schemas.topics import TopicName, rejected
from schemas.vocabulary import Agency, NoticeSays, Service
from services.sdk.addressing import topic_of
from streams.domain.ids import decision_id, follow_up_id, notification_id, report_id
from tests.chaos.absences import Absences, Gap
from tests.chaos.account import Account
from tests.chaos.kept_process import Asked, Ended
from tests.chaos.record import ReadRecord, Record
from tests.chaos.taken import Taken
from tests.disclosures import disclosure

PARTITIONS, LIMIT = 4, 15.0
BEGUN = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
FIRST, OTHER = disclosure("d-1", subject={"account": "forum:1"}), disclosure("d-2", subject={"account": "forum:2"})
CHANGED = disclosure("d-1", subject={"account": "forum:1"}, summary="Other words.")
DECISION, OTHER_DECISION = (decision_id(Service.FORUM, each.disclosure_id) for each in (FIRST, OTHER))
REPORT, OTHER_REPORT = report_id(DECISION, "999"), report_id(OTHER_DECISION, "999")
URGENT = str(topic_of(FIRST))

#: A change of a run; and a change with a part of the text of its fault.
Right = Callable[["Run"], object]
Wrong = tuple[Right, str]


def after(seconds: float) -> datetime:
    """Return the time `seconds` after the begin of the run."""
    return BEGUN + timedelta(seconds=seconds)


class Run:
    """A run with two reports: one acknowledged, the other handed over at its limit and told by phone."""

    def __init__(self) -> None:
        self.record = Record()
        self.logs: dict[Agency, list[dict[str, Any]]] = {agency: [] for agency in Agency}
        self.notices: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.alarms = [("alarm", "review/review-2"), ("all-clear", "review/review-2")]
        self.absences = Absences()
        self.ends = [Ended("worker-1", BEGUN.timestamp() + 3.0, -9, Asked.KILL, BEGUN.timestamp() + 2.9, True)]
        self.frozen: list[tuple[str, Gap]] = []
        self.forgetful = Agency.SOCIAL_WORKER
        self.sends = {encode("Disclosure", FIRST.model_dump()), b"no record"}
        for each in (FIRST, FIRST, OTHER):
            self.submit(each)
        changed = self.submit(CHANGED)
        self.reject(changed)
        unreadable = self.add(URGENT, None, {}, b"no record")
        self.reject(unreadable)
        self.ask_conflict(changed, self.record.by_topic[URGENT][0])
        self.ask_about(unreadable)
        for person, decision, report in (("p-1", DECISION, REPORT), ("p-2", OTHER_DECISION, OTHER_REPORT)):
            self.decide(decision, person)
            self.report(decision, report)
            due = {"notification_id": notification_id(report), "report_id": report, "tell_by": after(8.0)}
            self.add(TopicName.NOTIFICATIONS, "NotificationDue", due)
            self.attempt(report, 1, 1.0)
        self.take(REPORT, 1, 1.5)
        self.step(REPORT, "acknowledged", 1, 2.0)
        self.ask("review-2", "undelivered", OTHER_DECISION, OTHER_REPORT, LIMIT)
        self.settle("review-2", "told_by_phone", OTHER_REPORT, 20.0)
        self.say(REPORT, "have_told", 2.5)
        self.say(OTHER_REPORT, "are_telling", 8.5)
        self.say(OTHER_REPORT, "have_told", 21.0)

    def submit(self, submitted: Disclosure, beside: int = 0) -> ReadRecord:
        own = partition_for(disclosure_key(submitted.disclosure_id), PARTITIONS)
        value = encode("Disclosure", submitted.model_dump())
        fields = decode(value, "Disclosure")[1]
        return self.add(str(topic_of(submitted)), "Disclosure", fields, value, (own + beside) % PARTITIONS)

    def add(
        self, topic: str, name: str | None, fields: dict[str, Any], value: bytes = b"", partition: int = 0
    ) -> ReadRecord:
        offset = len(self.record.by_topic[str(topic)])
        came = ReadRecord(str(topic), partition, offset, value, {}, name, fields)
        self.record.by_topic[str(topic)].append(came)
        return came

    def reject(self, came: ReadRecord) -> None:
        headers = {
            "rejected-by": b"admit",
            "rejected-from": came.topic.encode(),
            "rejected-partition": b"%d" % came.partition,
            "rejected-offset": b"%d" % came.offset,
        }
        topic = rejected(came.topic)
        self.record.by_topic[topic].append(replace(came, topic=topic, headers=headers))

    def decide(self, decision: str, person: str) -> None:
        fields = {
            "decision_id": decision,
            "person": person,
            "caused_by": "disclosure",
            "outcome": "emergency",
            "agencies": [{"agency": "999"}],
            "review": None,
        }
        self.add(TopicName.DECISIONS, "Decision", fields)

    def report(self, decision: str, report: str, generation: int = 1, again: float | None = None) -> None:
        fields = {
            "report_id": report,
            "decision_id": decision,
            "agency": "999",
            "generation": generation,
            "kind": "new",
            "reported_at": BEGUN,
            "again_at": None if again is None else after(again),
        }
        self.add(TopicName.REPORTS_999, "Report", fields)

    def attempt(self, report: str, number: int, at: float) -> Self:
        self.step(report, "sent", number, at, request={"section": "sealed"})
        return self

    def step(self, report: str, state: str, number: int, at: float, request: object = None) -> Self:
        fields = {"report_id": report, "state": state, "attempt": number, "changed_at": after(at), "request": request}
        reference = "CAD-1" if state == "acknowledged" else None
        self.add(TopicName.DELIVERIES, "DeliveryChanged", {**fields, "generation": 1, "reference": reference})
        return self

    def take(self, report: str, number: int, at: float, *, marked: bool = False, accepted: bool = True) -> Self:
        line = {"report_id": report, "attempt": number, "possible_repeat": marked, "accepted": accepted}
        self.logs[Agency.EMERGENCY_999].append({**line, "at": after(at).isoformat()})
        return self

    def ask(self, review: str, reason: str, decision: str, report: str | None, at: float, generation: int = 1) -> Self:
        about = None if report is None else {"report_id": report, "agency": "999", "generation": generation}
        fields: dict[str, Any] = {
            "review_id": review,
            "reason": reason,
            "decision_id": decision,
            "undelivered": about,
            "requested_at": after(at),
            "deadline": after(at + LIMIT),
            "escalation": 0,
            "rejected_records": [],
        }
        self.add(TopicName.REVIEWS, "ReviewRequested", fields)
        return self

    def ask_about(self, *unreadable: ReadRecord) -> None:
        """Ask for a review of rejected records."""
        self.ask("review-3", "rejected", "", None, 0.0)
        records = [{**_position(each), "conflict": None} for each in unreadable]
        self.record.by_topic[TopicName.REVIEWS][-1].fields["rejected_records"] = records

    def ask_conflict(self, other: ReadRecord, first: ReadRecord) -> None:
        """Ask for a review of two contents of the first disclosure's id."""
        self.ask("review-1", "conflicting_id", DECISION, None, 0.0)
        record = {**_position(other), "conflict": {**_position(first), "decision_id": DECISION}}
        self.record.by_topic[TopicName.REVIEWS][-1].fields["rejected_records"] = [record]

    def settle(self, review: str, decision: str, report: str, at: float, refusal: str | None = None) -> Self:
        fields = {"review_id": review, "decision": decision, "report_id": report, "settled_at": after(at)}
        followed = {"decision_id": None, "generation": 2 if decision == "send_again" else None}
        self.add(TopicName.REVIEWS, "ReviewSettled", {**fields, **followed, "refusal": refusal})
        return self

    def say(self, report: str, says: str, at: float) -> Self:
        """Send a notice and settle it."""
        self.leave(report, says, at)
        self.settle_notice(report, says, at)
        return self

    def leave(self, report: str, says: str, at: float) -> None:
        self.call(report, says, at)
        line = {"notification_id": self.notice(report, says), "says": says, "channel": "sms"}
        self.notices.append({**line, "at": after(at).isoformat()})

    def call(self, report: str, says: str, at: float) -> Self:
        """Give a notice to the channel, from a lane that was opened for it."""
        line = {"notification_id": self.notice(report, says), "says": says, "channel": "sms"}
        self.calls.append({**line, "lane": f"opening-{len(self.calls)}", "at": after(at).isoformat()})
        return self

    def settle_notice(self, report: str, says: str | None, at: float, state: str = "told") -> Self:
        fields = {"notification_id": self.notice(report, says), "report_id": report, "says": says, "state": state}
        self.add(TopicName.NOTIFICATIONS, "NotificationSettled", {**fields, "settled_at": after(at)})
        return self

    def notice(self, report: str, says: str | None) -> str:
        first = notification_id(report)
        settled = self.record.by_topic[TopicName.NOTIFICATIONS]
        follows = any(came.name == "NotificationSettled" and came.fields["report_id"] == report for came in settled)
        return follow_up_id(first, says) if follows and says is not None else first

    def unsay(self, report: str) -> Self:
        """Remove every notice of a report that was sent."""
        of_report = _notices_of(report)
        self.notices = [line for line in self.notices if line["notification_id"] not in of_report]
        self.calls = [call for call in self.calls if call["notification_id"] not in of_report]
        topic = self.record.by_topic[TopicName.NOTIFICATIONS]
        topic[:] = [c for c in topic if c.name != "NotificationSettled" or c.fields["report_id"] != report]
        return self

    def end(
        self,
        process: str,
        status: int,
        at: float,
        asked: Asked | None = None,
        since: float = 0.0,
        is_open: bool = True,
    ) -> Self:
        begun = BEGUN.timestamp()
        self.ends.append(Ended(process, begun + at, status, asked, begun + since, is_open))
        return self

    def freeze(self, process: str, begin: float, end: float) -> Self:
        self.frozen.append((process, (BEGUN.timestamp() + begin, BEGUN.timestamp() + end)))
        return self

    def lose_broker(self, begin: float, end: float) -> Self:
        self.absences = Absences([(BEGUN.timestamp() + begin, BEGUN.timestamp() + end)])
        return self

    def lose_worker(self, begin: float, end: float) -> Self:
        """Let one of two workers be away."""
        self.absences = Absences((), [[(BEGUN.timestamp() + begin, BEGUN.timestamp() + end)], []])
        return self

    def without(self, topic: str, name: str | None, index: int = 0) -> Self:
        """Remove the record of that name with that index, by default the first."""
        found = [came for came in self.record.by_topic[str(topic)] if came.name == name]
        self.record.by_topic[str(topic)].remove(found[index])
        return self

    def again(self, topic: str, name: str) -> None:
        """Repeat the last record of that name."""
        self.record.by_topic[str(topic)].append([c for c in self.record.by_topic[str(topic)] if c.name == name][-1])

    def account(self) -> Account:
        return Account.of(
            Taken(
                record=self.record,
                logs=self.logs,
                notices=self.notices,
                calls=self.calls,
                alarms=self.alarms,
                absences=self.absences,
                partitions=PARTITIONS,
                limit_seconds=LIMIT,
                forgetful=self.forgetful,
                acknowledged_sends=self.sends,
                ends=self.ends,
                frozen=self.frozen,
            )
        )

    def hand_over_late(self, seconds: float) -> None:
        """Move the hand-over of the second report to `seconds` after its limit."""
        for came in self.record.by_topic[TopicName.REVIEWS]:
            if came.fields.get("undelivered") is not None:
                came.fields["requested_at"] = after(LIMIT + seconds)

    def send_again(self) -> Self:
        """Let staff send the second report again instead of telling its agency; it stays without an acknowledgement."""
        self.without(TopicName.REVIEWS, "ReviewSettled")
        self.settle("review-2", "send_again", OTHER_REPORT, 20.0)
        self.report(OTHER_DECISION, OTHER_REPORT, 2, 20.0)
        return self.unsay(OTHER_REPORT).say(OTHER_REPORT, "are_telling", 8.5)

    def send_again_until(self, at: float) -> Self:
        """Send the second report again, and hand it over again at that time."""
        self.send_again()
        self.ask("review-4", "undelivered", OTHER_DECISION, OTHER_REPORT, at, 2)
        self.alarms.append(("alarm", "review/review-4"))
        return self

    def take_late(self, *, marked: bool) -> Self:
        """Let the agency accept the second report by a second request, after the first was lost."""
        return self.attempt(OTHER_REPORT, 2, 3.0).take(OTHER_REPORT, 2, 3.5, marked=marked)


def _position(came: ReadRecord) -> dict[str, Any]:
    return {"topic": came.topic, "partition": came.partition, "offset": came.offset}


def _notices_of(report: str) -> set[str]:
    first = notification_id(report)
    return {first, *(follow_up_id(first, says) for says in NoticeSays)}
