"""Judges what each review of a conflict of ids names: the record of the other content, and the first one, which stands.

`judge_disclosures` judges that each other content has a review.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.vocabulary import ReviewReason, Service
from streams.domain.ids import decision_id
from tests.chaos.record import SOURCES, Place, ReadRecord
from tests.chaos.taken import Fields, Taken


@dataclass(frozen=True, slots=True)
class _Submitted:
    """The records of the services by their places, and the places of those that ADMIT rejected."""

    records: Mapping[Place, ReadRecord]
    rejected: frozenset[Place]


def conflicts(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of what the reviews of conflicts name."""
    submitted = _Submitted(
        {came.place: came for came in taken.submitted()},
        frozenset(came.rejected_place for came in taken.rejected_of(SOURCES)),
    )
    asked: Counter[tuple[str, str, bytes]] = Counter()
    for review in taken.reviews_asked(ReviewReason.CONFLICTING_ID):
        if review["escalation"]:
            # It repeats the records of the first request: `judge_reviews`.
            continue
        yield from (f"review {review['review_id']} {fault}" for fault in _named(review, submitted))
        for record in review["rejected_records"]:
            other = submitted.records.get(_place(record))
            if other is not None and other.name is not None:
                asked[other.fields["service"], other.fields["disclosure_id"], other.value] += 1
    for (service, id_, _), many in asked.items():
        if many > 1:
            yield f"{service} {id_}: {many} reviews name one content"
    counts["conflicts that are named"] = len(asked)


def _named(review: Fields, submitted: _Submitted) -> Iterator[str]:
    records = review["rejected_records"]
    if len(records) != 1:
        yield f"of a conflict names {len(records)} records of the other content"
        return
    (record,) = records
    if record["conflict"] is None:
        yield "of a conflict does not name the first record"
        return
    other, first = (submitted.records.get(_place(each)) for each in (record, record["conflict"]))
    if other is None or other.name is None or other.place not in submitted.rejected:
        yield "names as the other content a record that was not rejected"
    elif first is None or first.name is None or first.place in submitted.rejected:
        yield "names as the first content a record that does not stand"
    elif _id(other) != _id(first) or other.value == first.value:
        yield "names two records that are not two contents of one id"
    else:
        service, id_ = _id(first)
        if {review["decision_id"], record["conflict"]["decision_id"]} != {decision_id(Service(service), id_)}:
            yield "names another decision than that on the first record"


def _place(record: Fields) -> Place:
    return record["topic"], record["partition"], record["offset"]


def _id(came: ReadRecord) -> tuple[str, str]:
    return came.fields["service"], came.fields["disclosure_id"]
