"""Whether a person is under 16 and under 18, by a date of birth, a stated age and an age band that may disagree."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.disclosure import ReadableSubject
from schemas.vocabulary import AgeBand
from streams.domain.placeholders import BIRTHS
from streams.domain.policy.three_valued import Tri

_LONDON = ZoneInfo("Europe/London")
#: Before this hour of UTC the day in London is the same: London was never more than two hours ahead.
_SAME_DAY_BEFORE = 22
_UNDER = {
    AgeBand.UNDER_16: (True, True),
    AgeBand.SIXTEEN_SEVENTEEN: (False, True),
    AgeBand.ADULT: (False, False),
}


#: The most completed years that a person can have; an older date of birth is a placeholder, such as 0001-01-01.
OLDEST = 130


class ImpossibleBirth(StrEnum):
    """Why a date of birth cannot be the person's; the age by it counts as unknown."""

    LATER = "is after the disclosure"
    TOO_LONG_AGO = f"makes the person older than {OLDEST} years"
    PLACEHOLDER = "is empty, or one that software writes for an unknown date"


class Age(NamedTuple):
    """The known part of an age: under 16, under 18, and the limits about which the sources disagree."""

    under_16: Tri
    under_18: Tri
    disagree_about: tuple[int, ...] = ()
    #: Why the date of birth is ignored; None for a possible one, and without one.
    impossible: ImpossibleBirth | None = None


_UNKNOWN = Age(None, None)


def years_on(born: date, day: date) -> int:
    """Return the completed years of age; a person born on 29 February is a year older on 1 March in common years."""
    # In a common year 28 February is before (2, 29) and 1 March after it, so leap years need no case of their own.
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def day_of(at: datetime) -> date:
    """Return the day in Europe/London."""
    # Most times need no lookup in the zone's table, which costs more than the rest of an age.
    if at.tzinfo is UTC and at.hour < _SAME_DAY_BEFORE:
        return at.date()
    return at.astimezone(_LONDON).date()


def age_of(subject: ReadableSubject, disclosed_at: datetime) -> Age:
    """Return the age at disclosure, by all sources; unknown at a limit about which they disagree."""
    sources = []
    impossible = None
    if (born := subject.date_of_birth) is not None:
        years = years_on(born, day_of(disclosed_at))
        impossible = _impossible(born, years)
        if impossible is None:
            sources.append((years < 16, years < 18))
    if (stated := subject.age) is not None:
        sources.append((stated < 16, stated < 18))
    if (band := subject.age_band) is not None:
        sources.append(_UNDER[band])
    if not sources:
        return Age(None, None, impossible=impossible) if impossible else _UNKNOWN
    first = sources[0]
    if all(each == first for each in sources):
        return Age(*first, impossible=impossible)
    agreed = [len({each[limit] for each in sources}) == 1 for limit in (0, 1)]
    return Age(
        first[0] if agreed[0] else None,
        first[1] if agreed[1] else None,
        tuple(limit for limit, agree in zip((16, 18), agreed, strict=True) if not agree),
        impossible,
    )


def is_possible(born: date, at: datetime) -> bool:
    """Return whether a date of birth can be a person's at this time; a placeholder, such as 1900-01-01, cannot."""
    return _impossible(born, years_on(born, day_of(at))) is None


def _impossible(born: date, years: int) -> ImpossibleBirth | None:
    if born in BIRTHS:
        return ImpossibleBirth.PLACEHOLDER
    if years < 0:
        return ImpossibleBirth.LATER
    return ImpossibleBirth.TOO_LONG_AGO if years > OLDEST else None


def years_of(subject: ReadableSubject, disclosed_at: datetime) -> int | None:
    """Return the age in years for a report; None if it is not known or the sources disagree."""
    age = age_of(subject, disclosed_at)
    if age.disagree_about:
        return None
    if subject.date_of_birth is not None and age.impossible is None:
        return years_on(subject.date_of_birth, day_of(disclosed_at))
    return subject.age
