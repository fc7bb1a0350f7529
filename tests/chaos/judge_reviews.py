"""Judges reviews: each decision that asks a person has one review, and each review is opened once and settled once.

A review may have several `ReviewRequested`. It is written again with the next step of the rota, with other rejected
records, and with another deadline after staff reached no person. Each sending of a report and each generation of a
review of rejected records has a review with an id of its own. A settled review is not opened again: that happens only
if its disclosure comes again after KNOWN_DAYS. `judge_conflicts` judges what a conflict of ids names.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from schemas.review_table import REVIEW_TABLE
from schemas.topics import TopicName
from schemas.vocabulary import Outcome, ReviewDecision, ReviewReason
from tests.chaos.record import ReadRecord
from tests.chaos.taken import Fields, Taken

_R = ReviewReason
#: The reasons that a decision gives. The other reviews are about records and reports.
_OF_DECISIONS = (_R.CONFIRMATION, _R.SAFEGUARDING_LEAD, _R.PRIVATE_CONVERSATION, _R.MISSING_FACT, _R.NO_ROUTE)
#: The reasons of the reviews that staff may put off: their requests may get another deadline at the same step.
_PUT_OFF = tuple(
    reason
    for reason, row in REVIEW_TABLE.items()
    if any(each.decision is ReviewDecision.NOT_REACHED for each in row.settlings)
)

#: The requests of each review, in order.
Requests = Mapping[str, Sequence[ReadRecord]]


def reviews(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of reviews."""
    requests = _requests(taken)
    yield from _of_decisions(taken)
    yield from _of_reports(taken)
    for id_, asked in requests.items():
        yield from (f"review {id_} {fault}" for fault in _of_review([each.fields for each in asked]))
        counts[f"reviews {asked[0].fields['reason']}"] += 1
    yield from _settled(taken, requests)
    yield from _followed(taken)


def _requests(taken: Taken) -> Requests:
    requests: dict[str, list[ReadRecord]] = defaultdict(list)
    for each in taken.record.on(TopicName.REVIEWS, "ReviewRequested"):
        requests[each.fields["review_id"]].append(each)
    return requests


def _of_decisions(taken: Taken) -> Iterator[str]:
    """Yield each decision that asks a person without one review of it, and each review that rests on no decision."""
    asked: dict[str | None, dict[str, str]] = defaultdict(dict)
    for review in taken.reviews_asked(*_OF_DECISIONS):
        asked[review["decision_id"]][review["review_id"]] = review["reason"]
    decisions = {each.fields["decision_id"]: each.fields for each in taken.record.on(TopicName.DECISIONS, "Decision")}
    for id_, decision in decisions.items():
        yield from (f"decision {id_} {fault}" for fault in _of_decision(decision, asked.pop(id_, {})))
    for found in asked.values():
        yield from (
            f"review {review_id} ({reason}) is of no decision that was made" for review_id, reason in found.items()
        )


def _of_decision(decision: Fields, found: Mapping[str, str]) -> Iterator[str]:
    """Yield the faults of the reviews of a decision; `found` has the reason of each."""
    wanted = decision["review"]
    if decision["outcome"] == Outcome.REVIEW and wanted is None:
        yield "is left to a person, and gives no reason"
    if not found and (decision["outcome"] == Outcome.REVIEW or wanted is not None):
        yield "asks a person, and there is no review of it"
    elif found and wanted is None:
        yield f"asks no person, and has {len(found)} reviews"
    elif len(found) > 1:
        yield f"has {len(found)} reviews"
    elif found and set(found.values()) != {wanted["reason"]}:
        yield f"asks for {wanted['reason']}, and its review for {', '.join(found.values())}"


def _of_reports(taken: Taken) -> Iterator[str]:
    """Yield each sending of a report with more than one review."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for review in taken.reviews_asked(_R.UNDELIVERED):
        about = review["undelivered"]
        found[about["report_id"], about["generation"]].add(review["review_id"])
    for (report, generation), ids in found.items():
        if len(ids) > 1:
            yield f"report {report}, generation {generation}, has {len(ids)} reviews"


def _of_review(asked: Sequence[Fields]) -> Iterator[str]:
    """Yield the faults of the requests of one review."""
    if asked[0]["escalation"] != 0:
        yield f"begins at step {asked[0]['escalation']}"
    # The time of the request is that of the opening, and stays.
    if len({each["requested_at"] for each in asked}) > 1:
        yield f"was opened {len({each['requested_at'] for each in asked})} times"
    for before, after in pairwise(asked):
        yield from _changed(before, after)


def _changed(before: Fields, after: Fields) -> Iterator[str]:
    """Yield why a request of a review may not follow the one before it."""
    if any(before[field] != after[field] for field in ("reason", "decision_id", "undelivered")):
        yield "was asked again about something else"
    if _places(after)[: len(before["rejected_records"])] != _places(before):
        yield "was asked again without a record that it had"
    step = after["escalation"] - before["escalation"]
    if step not in (0, 1):
        yield f"went from step {before['escalation']} to step {after['escalation']}"
    is_changed = after["rejected_records"] != before["rejected_records"]
    is_put_off = after["deadline"] != before["deadline"] and after["reason"] in _PUT_OFF
    if step == 0 and not is_changed and not is_put_off:
        yield f"was asked twice at step {after['escalation']}"


def _places(review: Fields) -> list[tuple[str, int, int]]:
    return [(each["topic"], each["partition"], each["offset"]) for each in review["rejected_records"]]


def _settled(taken: Taken, requests: Requests) -> Iterator[str]:
    """Yield each review that was settled twice, that was never asked, or that was asked again after it was settled."""
    settled: dict[str, list[ReadRecord]] = defaultdict(list)
    for each in taken.record.on(TopicName.REVIEWS, "ReviewSettled"):
        settled[each.fields["review_id"]].append(each)
    for id_, ends in settled.items():
        asked = requests.get(id_, ())
        if len(ends) > 1:
            yield f"review {id_} was settled {len(ends)} times"
        if not asked:
            yield f"review {id_} was settled, and never asked"
        # All records of a review are in the partition of its lane.
        if any(each.partition == ends[0].partition and each.offset > ends[0].offset for each in asked):
            yield f"review {id_} was asked again after it was settled"


def _followed(taken: Taken) -> Iterator[str]:
    """Yield each settled review whose decision or next sending was not made."""
    decisions = {each.fields["decision_id"] for each in taken.record.on(TopicName.DECISIONS, "Decision")}
    sendings = {(id_, each["generation"]) for id_, made in taken.made().items() for each in made}
    for end in taken.reviews_settled():
        if end["decision_id"] is not None and end["decision_id"] not in decisions:
            yield f"review {end['review_id']} was settled by a decision that was not made"
        if end["generation"] is not None and (end["report_id"], end["generation"]) not in sendings:
            yield f"review {end['review_id']} was settled by a sending that was not made"
