"""A second calculation of ages: it counts birthdays one by one, and changes the clocks on the last Sundays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product

from schemas.disclosure import ReadableSubject
from schemas.vocabulary import AgeBand
from streams.domain.policy.age import age_of

#: The time at which each age is read: noon, far from any midnight.
_DAY = datetime(2026, 6, 15, 12, tzinfo=UTC)
_BANDS: dict[AgeBand | None, tuple[bool, bool] | None] = {
    None: None,
    AgeBand.UNDER_16: (True, True),
    AgeBand.SIXTEEN_SEVENTEEN: (False, True),
    AgeBand.ADULT: (False, False),
}
#: Dates of birth around the limits, one after the disclosure, and none.
_BORN = (
    None,
    *(date(2026 - years, 6, day) for years in (15, 16, 17, 18, 19) for day in (14, 15, 16)),
    date(2026, 6, 16),
    # Ages of 130 and 131, and a placeholder.
    *(date(2026 - years, 6, 15) for years in (130, 131)),
    date(1, 1, 1),
)
_STATED = (None, 0, 15, 16, 17, 18, 130)


def faults() -> Iterator[str]:
    """Yield every combination of date of birth, stated age and band that the program reads differently."""
    for born, stated, band in product(_BORN, _STATED, _BANDS):
        subject = ReadableSubject(date_of_birth=born, age=stated, age_band=band)
        counted = None if born is None or born > _DAY.date() else birthdays(born, _DAY.date())
        by_birth = None if counted is None or counted > 130 else _limits(counted)
        by_age = None if stated is None else _limits(stated)
        known = [each for each in (by_birth, by_age, _BANDS[band]) if each is not None]
        wanted = tuple(_agreed([each[limit] for each in known]) for limit in (0, 1))
        found = age_of(subject, _DAY)
        if (found.under_16, found.under_18) != wanted:
            yield f"born {born}, stated {stated}, band {band}: {found}, not {wanted}"


def birthdays(born: date, day: date) -> int:
    """Return how many birthdays a person has had by the end of a day; 29 February is 1 March in common years."""
    count = 0
    while _birthday(born, born.year + count + 1) <= day:
        count += 1
    return count


def day_in_london(at: datetime) -> date:
    """Return the day in London since 1996: an hour ahead from the last Sunday of March to the last one of October."""
    at = at.astimezone(UTC)
    begins, ends = (_last_sunday(at.year, month) for month in (3, 10))
    return (at + timedelta(hours=1) if begins <= at < ends else at).date()


def _birthday(born: date, year: int) -> date:
    if (born.month, born.day) == (2, 29) and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
        return date(year, 3, 1)
    return date(year, born.month, born.day)


def _last_sunday(year: int, month: int) -> datetime:
    last = date(year, month, 31)
    found = last - timedelta(days=(last.weekday() + 1) % 7)
    return datetime(found.year, found.month, found.day, 1, tzinfo=UTC)


def _limits(years: int) -> tuple[bool, bool]:
    return years < 16, years < 18


def _agreed(answers: list[bool]) -> bool | None:
    return answers[0] if answers and all(each is answers[0] for each in answers) else None
