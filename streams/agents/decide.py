"""DECIDE: applies the policy to each admitted disclosure of a person and sends what follows from it."""

from collections.abc import Sequence
from datetime import timedelta

from schemas.codec import encode
from schemas.errors import Invalid
from schemas.policy import Policies
from schemas.records import Admitted
from schemas.topics import KNOWN_DAYS, TopicName, reports
from schemas.vocabulary import Outcome
from streams.agents.reading import read_admitted
from streams.domain.channels import dump, load, remember, unsafe
from streams.domain.decisions import decision_fields, notification_fields, report_fields, review_fields
from streams.domain.policy import decide
from streams.domain.tokens import same_content
from streams.runtime import Agent, Cause, Record, Turn

_SEEN = b"d:"
_CHANNELS = b"c:"
_KNOWN_FOR = timedelta(days=KNOWN_DAYS)


class Decide(Agent[Admitted, None, None]):
    """One decision for each disclosure, and the reports, notices and reviews that follow from it.

    State: `d:` + disclosure id → digest of its content, for KNOWN_DAYS; `c:` + person → which channels are safe, for
    good: a channel that was marked unsafe stays so until it is marked safe.
    """

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def decode(self, record: Record) -> Admitted:
        """Return the disclosure; raise `Invalid` where it is none or nobody's."""
        disclosure, _ = read_admitted(record)
        if disclosure.person is None:
            raise Invalid.of("person", "is required")
        return disclosure

    def handle(self, batch: Sequence[tuple[Record, Admitted]], turn: Turn) -> None:
        """Decide each in order; a repeat changes nothing, the same id with other content is rejected."""
        for record, admitted in batch:
            seen_key = _SEEN + admitted.disclosure.disclosure_id.encode()
            seen = turn.get(seen_key)
            if seen is None:
                turn.put(seen_key, admitted.digest.encode(), until=turn.now + _KNOWN_FOR)
                self._decide(record, admitted, turn)
            elif not same_content(seen.decode(), admitted.digest):
                turn.reject(record, Invalid.of("disclosure_id", "was used before with other content"))

    def _decide(self, record: Record, admitted: Admitted, turn: Turn) -> None:
        disclosed, person = admitted.disclosure, admitted.person or ""
        channels_key = _CHANNELS + person.encode()
        stored = turn.get(channels_key)
        marks = remember(load(stored), disclosed)
        ruling = decide(disclosed, now=turn.now, policy=self._policies, unsafe_channels=unsafe(marks))
        # What is out of scope fills in nothing, so it says nothing of channels either; no notice of it is due.
        if marks and ruling.outcome is not Outcome.OUT_OF_SCOPE and (changed := dump(marks)) != stored:
            turn.put(channels_key, changed)
        decision = decision_fields(disclosed, person, ruling, turn.now)
        decision_id = decision["decision_id"]
        cause, key, partition = Cause.of(record), person.encode(), record.partition

        # Topics keyed by person have one partition count, so what follows stays in this record's partition.
        def send(topic: str, name: str, fields: dict[str, object]) -> None:
            turn.send(topic, key, encode(name, fields), cause=cause, partition=partition)

        send(TopicName.DECISIONS, "Decision", decision)
        told = report_fields(admitted, ruling, decision_id, turn.now)
        for agency, report in told:
            send(reports(agency), "Report", report)
        for notice in notification_fields(admitted, ruling, told, turn.now):
            send(TopicName.NOTIFICATIONS, "NotificationDue", notice)
        review = review_fields(admitted, ruling, decision_id, turn.now)
        if review is not None:
            send(TopicName.REVIEWS, "ReviewRequested", review)
