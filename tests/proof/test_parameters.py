"""Parameters and ages have the effects that the second formulation gives."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.disclosure import ReadableSubject
from schemas.policy import load_policies
from schemas.vocabulary import Agency
from streams.domain.placeholders import BIRTHS
from streams.domain.policy.age import age_of, day_of, years_on
from tests.proof import ages, parameters
from tests.proof.second import TABLES


def test_every_parameter_has_the_effect_that_the_policy_gives() -> None:
    assert list(parameters.faults(load_policies().named(TABLES["parameters"]["version"]))) == []


def test_each_agency_has_a_column_of_shares() -> None:
    assert set(TABLES["shares"]["columns"]) == {agency.value for agency in Agency}


def test_date_of_birth_stated_age_and_band_are_read_as_the_policy_says() -> None:
    assert list(ages.faults()) == []


_TIMES = st.datetimes(datetime(2025, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds
_BORN = st.dates(date(1935, 1, 1), date(2024, 12, 31)).filter(lambda day: day not in BIRTHS)


@st.composite
def at_a_midnight(draw: st.DrawFn) -> datetime:
    """Draw a time close to midnight in UTC or in London, or to a change of the clocks."""
    day = draw(st.dates(date(2025, 1, 1), date(2040, 12, 31)))
    hour = draw(st.sampled_from([0, 1, 23]))
    beside = draw(st.sampled_from([timedelta(), timedelta(seconds=-1), timedelta(minutes=59, seconds=59)]))
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC) + beside


@given(_TIMES | at_a_midnight())
@example(datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC))
@example(datetime(2026, 10, 24, 23, 0, tzinfo=UTC))
@example(datetime(2026, 10, 25, 23, 0, tzinfo=UTC))
def test_a_day_is_london_s(at: datetime) -> None:
    assert day_of(at) == ages.day_in_london(at)


@given(_BORN, _TIMES | at_a_midnight())
@example(date(2008, 2, 29), datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
@example(date(2008, 2, 29), datetime(2026, 3, 1, tzinfo=UTC))
@example(date(2012, 2, 29), datetime(2028, 2, 29, tzinfo=UTC))
@example(date(2012, 2, 29), datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC))
def test_years_are_birthdays(born: date, at: datetime) -> None:
    day = ages.day_in_london(at)

    years = years_on(born, day)

    assert years == (ages.birthdays(born, day) if born <= day else -1) or born.year - day.year > 1


@given(_BORN, st.sampled_from([16, 18]), st.sampled_from([-2, -1, 0, 1, 2]), st.integers(0, 86_399))
def test_a_birthday_ends_the_limit_at_midnight_in_london(born: date, limit: int, days: int, second: int) -> None:
    year = born.year + limit
    birthday = date(year, 3, 1) if (born.month, born.day) == (2, 29) and year % 4 else born.replace(year=year)
    at = datetime(birthday.year, birthday.month, birthday.day, tzinfo=UTC) + timedelta(days=days, seconds=second)
    # Before 1996 the clocks changed by other rules, so old times are moved to noon.
    if at.year < 2000:
        at = at.replace(hour=12)

    age = age_of(ReadableSubject(date_of_birth=born), at)

    under = ages.day_in_london(at) < birthday
    assert (age.under_16 if limit == 16 else age.under_18) is under
