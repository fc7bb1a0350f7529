"""Ages on the day of disclosure in Europe/London, and sources that disagree."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.disclosure import ReadableSubject
from streams.domain.placeholders import BIRTHS
from streams.domain.policy.age import age_of, day_of, years_of, years_on
from tests.readable_ids import readable_id
from tests.unit.policy_cases import rule

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(2008, 2, 3), date(2026, 2, 2), 17),
        (date(2008, 2, 3), date(2026, 2, 3), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2024, 2, 28), 15),
        (date(2008, 2, 29), date(2024, 2, 29), 16),
        (date(2026, 2, 3), date(2026, 2, 3), 0),
        (date(2026, 2, 4), date(2026, 2, 3), -1),
    ],
    ids=readable_id,
)
def test_years(born: date, day: date, years: int) -> None:
    assert years_on(born, day) == years


@given(st.dates(date(1900, 1, 1), date(2030, 1, 1)), st.dates(date(1900, 1, 1), date(2030, 12, 31)))
def test_a_person_is_a_year_older_each_year(born: date, day: date) -> None:
    later = date(day.year + 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)

    assert years_on(born, later) - years_on(born, day) in ((0, 1) if (day.month, day.day) == (2, 29) else (1,))


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 2, 2, 23, 59, 59, tzinfo=UTC), date(2026, 2, 2)),  # winter: UTC
        (datetime(2026, 7, 2, 23, 0, tzinfo=UTC), date(2026, 7, 3)),  # summer: an hour ahead
        (datetime(2026, 7, 2, 22, 59, 59, tzinfo=UTC), date(2026, 7, 2)),
    ],
    ids=readable_id,
)
def test_day_in_london(at: datetime, day: date) -> None:
    assert day_of(at) == day


def test_a_summer_birthday_begins_at_midnight_in_london() -> None:
    subject = ReadableSubject(date_of_birth=date(2008, 7, 3))

    assert age_of(subject, datetime(2026, 7, 2, 22, 59, tzinfo=UTC)).under_18 is True
    assert age_of(subject, datetime(2026, 7, 2, 23, 0, tzinfo=UTC)).under_18 is False


FIFTEEN, SEVENTEEN, THIRTY = date(2010, 5, 1), date(2008, 5, 1), date(1996, 1, 1)


@pytest.mark.parametrize(
    ("subject", "under_16", "under_18", "disagree_about"),
    [
        ({}, None, None, ()),
        ({"date_of_birth": FIFTEEN}, True, True, ()),
        ({"date_of_birth": SEVENTEEN}, False, True, ()),
        ({"date_of_birth": date(2010, 2, 3)}, False, True, ()),  # 16 on the day
        ({"date_of_birth": date(2010, 2, 4)}, True, True, ()),
        ({"date_of_birth": date(2008, 2, 3)}, False, False, ()),
        ({"date_of_birth": date(2008, 2, 4)}, False, True, ()),
        ({"date_of_birth": THIRTY}, False, False, ()),
        ({"age": 15}, True, True, ()),
        ({"age": 16}, False, True, ()),
        ({"age": 17}, False, True, ()),
        ({"age": 18}, False, False, ()),
        ({"age_band": "under_16"}, True, True, ()),
        ({"age_band": "16_17"}, False, True, ()),
        ({"age_band": "adult"}, False, False, ()),
        ({"date_of_birth": SEVENTEEN, "age": 16}, False, True, ()),  # disagree about no limit
        ({"date_of_birth": FIFTEEN, "age_band": "16_17"}, None, True, (16,)),
        ({"date_of_birth": SEVENTEEN, "age": 18}, False, None, (18,)),
        ({"age": 18, "age_band": "16_17"}, False, None, (18,)),
        ({"date_of_birth": FIFTEEN, "age": 30}, None, None, (16, 18)),
        ({"date_of_birth": SEVENTEEN, "age": 17, "age_band": "adult"}, False, None, (18,)),
        ({"date_of_birth": date(2026, 2, 4), "age": 17}, False, True, ()),
        ({"date_of_birth": date(2026, 2, 4)}, None, None, ()),
        ({"date_of_birth": date(1, 1, 1)}, None, None, ()),
        ({"date_of_birth": date(1895, 2, 3)}, None, None, ()),
        ({"date_of_birth": date(1895, 2, 4)}, False, False, ()),
        ({"date_of_birth": date(1, 1, 1), "age": 17}, False, True, ()),
        *(({"date_of_birth": born}, None, None, ()) for born in BIRTHS),
        ({"date_of_birth": date(1900, 1, 1), "age": 17}, False, True, ()),
        ({"date_of_birth": date(1900, 1, 2)}, False, False, ()),
        ({"date_of_birth": date(1970, 1, 2)}, False, False, ()),
    ],
    ids=readable_id,
)
def test_limits_of_age(
    subject: dict[str, Any], under_16: bool | None, under_18: bool | None, disagree_about: tuple[int, ...]
) -> None:
    age = age_of(ReadableSubject.model_validate(subject), NOON)

    assert (age.under_16, age.under_18, age.disagree_about) == (under_16, under_18, disagree_about)


@pytest.mark.parametrize(
    ("subject", "years"),
    [
        ({"date_of_birth": SEVENTEEN, "age": 16}, 17),
        ({"age": 16}, 16),
        ({"age_band": "16_17"}, None),
        ({"date_of_birth": SEVENTEEN, "age": 18}, None),
        ({"date_of_birth": date(2026, 2, 4), "age": 17}, 17),
        ({"date_of_birth": date(1, 1, 1), "age": 17}, 17),
        ({"date_of_birth": date(1, 1, 1)}, None),
        ({"date_of_birth": date(1900, 1, 1)}, None),
    ],
    ids=readable_id,
)
def test_the_age_in_a_report(subject: dict[str, Any], years: int | None) -> None:
    assert years_of(ReadableSubject.model_validate(subject), NOON) == years


def test_the_faults_of_an_age_are_noted() -> None:
    disagreeing = rule(subject={"date_of_birth": SEVENTEEN, "age": 18})
    unborn = rule(subject={"date_of_birth": date(2026, 2, 4)})
    too_old = rule(subject={"date_of_birth": date(1, 1, 1)})
    placeholder = rule(subject={"date_of_birth": date(1900, 1, 1)})

    assert [note.partition(":")[0] for note in disagreeing.notes] == ["subject.age"]
    assert [note.partition(":")[0] for note in unborn.notes] == ["subject.date_of_birth"]
    assert too_old.notes == ("subject.date_of_birth: makes the person older than 130 years: counted as unknown",)
    assert placeholder.notes == (
        "subject.date_of_birth: is empty, or one that software writes for an unknown date: counted as unknown",
    )


def test_a_placeholder_after_a_birth_of_as_many_years_is_unknown_all_the_same() -> None:
    """Rulings are cached by what they depend on."""
    for born in (date(1900, 1, 2), date(1900, 1, 1)):
        notes = rule(subject={"date_of_birth": born}).notes
        assert bool(notes) is (born in BIRTHS)
