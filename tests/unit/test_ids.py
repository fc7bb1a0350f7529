"""Ids are computed from their cause."""

from itertools import product
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import Token
from schemas.vocabulary import Service
from streams.domain.ids import decision_id, notification_id, person_id, report_id, review_id

FORUM = Service.FORUM
TOKEN = Token("account:1:a")
TEXT = st.text(max_size=12)


def test_an_id_is_a_lower_case_uuid_of_version_5() -> None:
    for made in (
        person_id(FORUM, "d", TOKEN),
        decision_id(FORUM, "d"),
        report_id("d", "a"),
        review_id("d"),
        notification_id("r"),
    ):
        assert UUID(made).version == 5
        assert made == str(UUID(made))


def test_the_ids_of_one_cause_never_change() -> None:
    # Written records contain these ids: another value would be a second report of the same risk.
    namespace = UUID("6f0a6d0e-3c55-5b6b-9a56-0f3d5f0c9b41")
    assert person_id(FORUM, "d-1", TOKEN) == str(uuid5(namespace, "6:person|5:forum|3:d-1|11:account:1:a"))
    assert report_id("d-é", "999") == str(uuid5(namespace, "6:report|3:d-é|3:999"))
    assert decision_id(FORUM, "d-1") == decision_id(FORUM, "d-1", "disclosure")


@given(first=st.tuples(TEXT, TEXT), second=st.tuples(TEXT, TEXT))
def test_two_causes_never_share_an_id(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (report_id(*first) == report_id(*second)) is (first == second)
    assert (decision_id(FORUM, *first) == decision_id(FORUM, *second)) is (first == second)


def test_ids_of_different_kinds_differ_for_the_same_cause() -> None:
    made = [
        person_id(FORUM, "x", TOKEN),
        decision_id(FORUM, "x", "x"),
        report_id("x", "x"),
        review_id("x"),
        notification_id("x"),
    ]
    assert len(set(made)) == len(made)


def test_each_service_agency_and_cause_has_its_own() -> None:
    decisions = [decision_id(*each) for each in product(Service, "ab", ("disclosure", "review"))]
    assert len(set(decisions)) == 8
    assert len({report_id(decision, agency) for decision, agency in product(decisions, ("999", "101"))}) == 16
