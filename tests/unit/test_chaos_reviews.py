"""The chaos account, for reviews: each change of a faultless run that is wrong is found."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.topics import TopicName
from schemas.vocabulary import Service
from streams.domain.ids import decision_id
from tests.chaos.made_run import LIMIT, OTHER_DECISION, OTHER_REPORT, REPORT, URGENT, Right, Run, Wrong, after
from tests.chaos.record import ReadRecord
from tests.disclosures import disclosure

ASKING = disclosure("d-3", subject={"account": "forum:3"})
ASKING_DECISION = decision_id(Service.FORUM, ASKING.disclosure_id)


def _ask(run: Run, reason: str = "missing_fact") -> Run:
    """Add a disclosure whose decision asks a person, with its review: `review-5`."""
    run.submit(ASKING)
    run.decide(ASKING_DECISION, "p-3")
    _decision(run).update(outcome="review", agencies=[], review={"reason": "missing_fact"})
    run.ask("review-5", reason, ASKING_DECISION, None, 1.0)
    return run


def _decision(run: Run) -> dict[str, Any]:
    """Return the fields of the last decision."""
    return run.record.by_topic[TopicName.DECISIONS][-1].fields


def _request(run: Run, review: str) -> ReadRecord:
    """Return the last request of a review."""
    topic = run.record.by_topic[TopicName.REVIEWS]
    return [came for came in topic if came.name == "ReviewRequested" and came.fields["review_id"] == review][-1]


def _again(run: Run, review: str, **changes: Any) -> Run:
    """Write the request of a review again, with these fields changed."""
    topic, last = run.record.by_topic[TopicName.REVIEWS], _request(run, review)
    again = replace(last, offset=len(topic), fields={**last.fields, **changes})
    # The reviews that are settled at the end are settled after it.
    ends = [came for came in topic if came.name == "ReviewSettled" and came.fields["review_id"] == review]
    topic.append(again)
    for end in ends:
        topic.remove(end)
        topic.append(replace(end, offset=len(topic) + 1))
    return run


def _step(run: Run, review: str, step: int) -> Run:
    return _again(run, review, escalation=step, deadline=after(LIMIT * (step + 2)))


def _records(run: Run, review: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _request(run, review).fields["rejected_records"]
    return found


def _conflict(run: Run) -> dict[str, Any]:
    """Return the one record that the review of the conflict names."""
    return _records(run, "review-1")[0]


def _settle_asking(run: Run, *, is_decided: bool) -> None:
    """Settle the review of a decision by new facts; the decision that follows is made, or missing."""
    _ask(run).settle("review-5", "new_facts", OTHER_REPORT, 2.0)
    run.record.by_topic[TopicName.REVIEWS][-1].fields.update(report_id=None, decision_id="decision-6")
    if is_decided:
        run.decide("decision-6", "p-3")
        _decision(run).update(outcome="confidential", agencies=[], caused_by="review_outcome")


def _send_again_nothing(run: Run) -> None:
    run.send_again_until(30.0)
    run.without(TopicName.REPORTS_999, "Report", 2)


def _ask_after_the_end(run: Run) -> None:
    topic = run.record.by_topic[TopicName.REVIEWS]
    topic.append(replace(_request(run, "review-2"), offset=len(topic)))


def _of(run: Run, review: str, **changes: Any) -> None:
    _request(run, review).fields.update(changes)


WRONGS: dict[str, Wrong] = {
    "a decision asks, and there is no review": (
        lambda run: _ask(run).without(TopicName.REVIEWS, "ReviewRequested", 3),
        "asks a person, and there is no review of it",
    ),
    "a decision that is reported asks, and there is no review": (
        lambda run: _decision(run).update(review={"reason": "missing_fact"}),
        "asks a person, and there is no review of it",
    ),
    "a decision is left to a person without a reason": (
        lambda run: [_ask(run), _decision(run).update(review=None)],
        "is left to a person, and gives no reason",
    ),
    "a decision has two reviews": (
        lambda run: _ask(run).ask("review-6", "missing_fact", ASKING_DECISION, None, 1.0),
        "has 2 reviews",
    ),
    "a decision has a review for another reason": (
        lambda run: _ask(run, "no_route"),
        "asks for missing_fact, and its review for no_route",
    ),
    "a decision that asks nobody has a review": (
        lambda run: run.ask("review-5", "confirmation", OTHER_DECISION, None, 1.0),
        "asks no person, and has 1 reviews",
    ),
    "a review has no decision": (
        lambda run: run.ask("review-5", "confirmation", "another", None, 1.0),
        "is of no decision that was made",
    ),
    "a review is asked twice": (lambda run: _again(_ask(run), "review-5"), "was asked twice at step 0"),
    "a review of a report is asked twice": (
        lambda run: _again(run, "review-2", deadline=after(50.0)),
        "was asked twice at step 0",
    ),
    "a review of a conflict is asked twice": (lambda run: _again(run, "review-1"), "was asked twice at step 0"),
    "a review is opened twice": (
        lambda run: _again(_ask(run), "review-5", requested_at=after(3.0), deadline=after(3.0 + LIMIT)),
        "was opened 2 times",
    ),
    "a review escalates twice to one step": (
        lambda run: _step(_step(run, "review-2", 1), "review-2", 1),
        "was asked twice at step 1",
    ),
    "a step of the rota is left out": (lambda run: _step(run, "review-2", 2), "went from step 0 to step 2"),
    "a review goes back a step": (
        lambda run: _step(_step(run, "review-2", 1), "review-2", 0),
        "went from step 1 to step 0",
    ),
    "a review begins at a later step": (lambda run: _of(run, "review-2", escalation=1), "begins at step 1"),
    "a review loses a record": (
        lambda run: _again(run, "review-3", rejected_records=[]),
        "without a record that it had",
    ),
    "a review is about another decision at its next step": (
        lambda run: _again(run, "review-2", escalation=1, decision_id="another"),
        "was asked again about something else",
    ),
    "a sending has two reviews": (
        lambda run: run.ask("review-5", "undelivered", OTHER_DECISION, OTHER_REPORT, LIMIT),
        "generation 1, has 2 reviews",
    ),
    "a review is settled twice": (lambda run: run.again(TopicName.REVIEWS, "ReviewSettled"), "was settled 2 times"),
    "a review is settled and was never asked": (
        lambda run: run.settle("review-9", "told_by_phone", OTHER_REPORT, 20.0),
        "was settled, and never asked",
    ),
    "a review is asked after its end": (_ask_after_the_end, "was asked again after it was settled"),
    "a review is settled by a decision that is missing": (
        lambda run: _settle_asking(run, is_decided=False),
        "by a decision that was not made",
    ),
    "a review is settled by a sending that is missing": (_send_again_nothing, "by a sending that was not made"),
    "a report is acknowledged twice": (
        lambda run: run.step(REPORT, "acknowledged", 1, 2.1),
        "was acknowledged 2 times",
    ),
    "a report is acknowledged in two generations": (
        lambda run: [
            run.step(REPORT, "acknowledged", 1, 2.1),
            run.record.by_topic[TopicName.DELIVERIES][-1].fields.update(generation=2),
        ],
        "was acknowledged 2 times",
    ),
    "a conflict names no record": (
        lambda run: _records(run, "review-1").clear(),
        "names 0 records of the other content",
    ),
    "a conflict does not name the first record": (
        lambda run: _conflict(run).update(conflict=None),
        "does not name the first record",
    ),
    "a conflict names a record that is not there": (
        lambda run: _conflict(run).update(offset=99),
        "names as the other content a record that was not rejected",
    ),
    "a conflict names the first record as the other one": (
        lambda run: _conflict(run).update(offset=0),
        "names as the other content a record that was not rejected",
    ),
    "a conflict names the other record as the first one": (
        lambda run: _conflict(run)["conflict"].update(offset=_conflict(run)["offset"]),
        "names as the first content a record that does not stand",
    ),
    "a conflict names a record of another id": (
        lambda run: _conflict(run)["conflict"].update(offset=2, partition=run.record.by_topic[URGENT][2].partition),
        "are not two contents of one id",
    ),
    "a conflict names another decision": (
        lambda run: _conflict(run)["conflict"].update(decision_id=OTHER_DECISION),
        "names another decision",
    ),
    "two conflicts name one content": (
        lambda run: run.ask_conflict(*(run.record.by_topic[URGENT][n] for n in (3, 0))),
        "2 reviews name one content",
    ),
}


@pytest.mark.parametrize(("wrong", "named"), WRONGS.values(), ids=WRONGS)
def test_each_wrong_is_a_fault(wrong: Right, named: str) -> None:
    run = Run()
    wrong(run)
    assert any(named in fault for fault in run.account().faults), run.account().faults


RIGHTS: dict[str, Right] = {
    "a decision asks a person": _ask,
    "a decision that is reported asks a person too": lambda run: [
        _decision(run).update(review={"reason": "missing_fact"}),
        run.ask("review-5", "missing_fact", OTHER_DECISION, None, 1.0),
    ],
    "a review escalates": lambda run: _step(_step(run, "review-2", 1), "review-2", 2),
    "a person was not reached": lambda run: _again(_ask(run), "review-5", deadline=after(60.0)),
    "a further record is rejected": lambda run: _again(
        run, "review-3", rejected_records=[*_records(run, "review-3"), {**_records(run, "review-3")[0], "offset": 9}]
    ),
    "a rejected record is accepted": lambda run: _again(
        run, "review-3", rejected_records=[{**_records(run, "review-3")[0], "accepted_at": after(9.0)}]
    ),
    "a review of rejected records has a next generation": lambda run: [
        run.settle("review-3", "nothing_in_it", OTHER_REPORT, 5.0),
        run.ask("review-6", "rejected", "", None, 5.0),
    ],
    "each sending has its review": lambda run: run.send_again_until(30.0),
    "a review is settled by new facts": lambda run: _settle_asking(run, is_decided=True),
}


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_what_may_be_is_no_fault(right: Right) -> None:
    run = Run()
    right(run)
    assert run.account().faults == []
