"""Safe channels: the last mark by the time of disclosure counts, in any order of arrival."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.disclosure import Contact, ReadableDisclosure
from schemas.policy import EARLIEST
from schemas.vocabulary import ContactChannel
from streams.domain.admission import readable
from streams.domain.channels import Marks, dump, load, remember, unsafe
from tests.disclosures import disclosure
from tests.readable_ids import readable_id

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
SMS, EMAIL, WHATSAPP = ContactChannel.SMS, ContactChannel.EMAIL, ContactChannel.WHATSAPP


def said(hours: int, safe: bool | None, *channels: ContactChannel, preferred: Any = None) -> ReadableDisclosure:
    contact = Contact(channels=channels, preferred=preferred, safe_to_contact=safe)
    made, at = readable(disclosure(), NOON), NOON + timedelta(hours=hours)
    assessment = made.assessment.model_copy(update={"assessed_at": at + timedelta(minutes=5)})
    return made.model_copy(update={"disclosed_at": at, "assessment": assessment, "contact": contact})


def remembered(marks: Marks, disclosed: ReadableDisclosure) -> Marks:
    return remember(marks, disclosed, EARLIEST, NOON + timedelta(hours=9))


def after(*disclosures: ReadableDisclosure) -> Marks:
    marks: Marks = {}
    for each in disclosures:
        marks = remembered(marks, each)
    return marks


def test_a_channel_marked_unsafe_stays_so_until_it_is_marked_safe() -> None:
    once = after(said(0, False, SMS))
    assert unsafe(once) == {SMS}
    assert unsafe(remembered(once, said(1, None, SMS))) == {SMS}
    assert unsafe(remembered(once, said(1, True, EMAIL))) == {SMS}
    assert unsafe(remembered(once, said(1, True, SMS))) == frozenset()


def test_a_mark_that_arrives_late_changes_no_newer_mark() -> None:
    assert unsafe(after(said(2, False, SMS), said(1, True, SMS))) == {SMS}
    assert unsafe(after(said(2, True, SMS), said(1, False, SMS))) == frozenset()


def test_a_mark_of_a_time_before_the_services_existed_is_newest_if_unsafe_and_oldest_if_safe() -> None:
    unset = (EARLIEST - NOON) // timedelta(hours=1) - 1
    assert unsafe(after(said(0, True, SMS), said(unset, False, SMS))) == {SMS}
    assert unsafe(after(said(0, False, SMS), said(unset, True, SMS))) == {SMS}


@pytest.mark.parametrize("order", [(True, False), (False, True)], ids=readable_id)
def test_of_two_marks_of_the_same_time_unsafe_wins(order: tuple[bool, bool]) -> None:
    assert unsafe(after(*(said(0, safe, SMS) for safe in order))) == {SMS}


@given(hours=st.integers(1, 24 * 365 * 10))
def test_b03_a_mark_that_is_claimed_to_be_of_the_future_is_as_old_as_its_assessment(hours: int) -> None:
    ahead = said(0, True, SMS).model_copy(update={"disclosed_at": NOON + timedelta(hours=hours)})
    assert after(ahead)[SMS].at == ahead.assessment.assessed_at
    assert unsafe(after(ahead, said(1, False, SMS))) == {SMS}


@pytest.mark.parametrize("behind", [1, 4, 60, 10**6])
@pytest.mark.parametrize("unknown", ["disclosed_at", "assessed_at"])
def test_an_unsafe_mark_of_an_unknown_time_is_the_newest_also_for_a_clock_that_is_behind(
    behind: int, unknown: str
) -> None:
    marks = after(said(1, True, SMS))
    never_set = datetime(1970, 1, 1, tzinfo=UTC)
    new = said(2, False, SMS)
    if unknown == "disclosed_at":
        new = new.model_copy(update={"disclosed_at": never_set})
    else:
        assessment = new.assessment.model_copy(update={"assessed_at": never_set})
        new = new.model_copy(update={"assessment": assessment})
    slow = NOON + timedelta(hours=1) - timedelta(minutes=behind)
    assert unsafe(remember(marks, new, EARLIEST, slow)) == {SMS}


def test_the_preferred_channel_is_marked_too() -> None:
    assert unsafe(after(said(0, False, EMAIL, preferred=SMS))) == {EMAIL, SMS}


STATEMENTS = st.lists(
    st.builds(
        lambda hours, safe, channels: said(hours, safe, *channels),
        st.integers(0, 3),
        st.sampled_from([True, False, None]),
        st.lists(st.sampled_from([SMS, EMAIL, WHATSAPP]), max_size=3, unique=True),
    ),
    max_size=6,
)


@given(statements=STATEMENTS, data=st.data())
def test_any_order_of_arrival_and_any_repeat_gives_the_same_marks(
    statements: list[ReadableDisclosure], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(statements))
    repeats = data.draw(st.lists(st.sampled_from(statements), max_size=3)) if statements else []
    assert after(*shuffled, *repeats) == after(*statements)


@given(statements=STATEMENTS)
def test_the_entry_of_a_lane_has_all_its_marks(statements: list[ReadableDisclosure]) -> None:
    marks = after(*statements)
    assert load(dump(marks)) == marks
    assert load(None) == {}
