"""The chaos account, for disclosures and persons: each change of a faultless run that is wrong is found."""

from collections import Counter

import pytest

from schemas.codec import encode
from schemas.topics import TopicName, rejected
from tests.chaos.made_run import FIRST, URGENT, Right, Run, Wrong
from tests.disclosures import disclosure

FIRST_VALUE = encode("Disclosure", FIRST.model_dump())


def test_a_run_in_which_all_is_right_has_no_fault_and_is_counted() -> None:
    account = Run().account()
    assert account.faults == []
    wanted = {"ids": 2, "repeats": 1, "conflicts": 1, "unreadable": 1, "persons": 2, "reports": 2, "alarms": 1}
    assert account.counts.items() >= Counter(wanted).items()
    assert (account.counts["reports acknowledged"], account.counts["reports handed over"]) == (1, 1)


def _of_person(run: Run, index: int, person: str) -> None:
    run.record.by_topic[TopicName.DECISIONS][index].fields["person"] = person


def _share(run: Run) -> None:
    """Give both disclosures the same email."""
    for came in run.record.by_topic[URGENT]:
        if came.name is not None:
            came.fields["subject"] = {**came.fields["subject"], "email": "one@example.org"}


def _reject_the_first(run: Run) -> None:
    """Reject the content that came first, in place of the one that came after it."""
    run.without(rejected(URGENT), "Disclosure")
    for came in [came for came in run.record.by_topic[URGENT] if came.value == FIRST_VALUE]:
        run.reject(came)


WRONGS: dict[str, Wrong] = {
    "what was acknowledged is in no topic": (lambda run: run.sends.add(b"gone"), "no topic has them"),
    "the content that stands was not the first": (_reject_the_first, "stands with a content that was not the first"),
    "a record is put aside": (
        lambda run: run.add(rejected(TopicName.DELIVERIES), None, {}),
        "was rejected or put aside",
    ),
    "a disclosure is lost": (lambda run: run.without(TopicName.DECISIONS, "Decision"), "has no decision"),
    "a decision is doubled": (lambda run: run.again(TopicName.DECISIONS, "Decision"), "was made 2 times"),
    "a decision has no disclosure": (lambda run: run.decide("another", "p-1"), "of no disclosure that was sent"),
    "a conflict is not rejected": (
        lambda run: run.without(rejected(URGENT), "Disclosure"),
        "has 2 contents, and records of 0 were rejected",
    ),
    "the first content is rejected too": (
        lambda run: run.reject(run.record.by_topic[URGENT][0]),
        "has 2 contents, and records of 2 were rejected",
    ),
    "a conflict has no review": (
        lambda run: run.without(TopicName.REVIEWS, "ReviewRequested"),
        "0 reviews of them",
    ),
    "a record in another partition is not moved": (
        lambda run: run.submit(disclosure("d-1", subject={"account": "forum:1"}, summary="Elsewhere."), 1),
        "was not moved",
    ),
    "unreadable bytes are lost": (lambda run: run.without(rejected(URGENT), None), "were not kept once as they came"),
    "nobody is asked about unreadable bytes": (
        lambda run: run.without(TopicName.REVIEWS, "ReviewRequested", 1),
        "nobody is asked about the unreadable bytes",
    ),
    "a person is parted": (_share, "decided as of several"),
    "two persons are joined": (lambda run: _of_person(run, 1, "p-1"), "decided as of one"),
}


@pytest.mark.parametrize(("wrong", "named"), WRONGS.values(), ids=WRONGS)
def test_each_wrong_is_a_fault(wrong: Right, named: str) -> None:
    run = Run()
    wrong(run)
    assert any(named in fault for fault in run.account().faults), run.account().faults
