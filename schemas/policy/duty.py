"""The duty rota as data: the staff who settle reviews, and the time until the next one is asked; with all checks."""

import re
from collections.abc import Collection
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from schemas.policy.document import ConfigProblems, Length
from schemas.policy.lines import line_at
from schemas.policy.loading import ConfigFileError, Fault, read_file
from schemas.reviews import StaffId
from schemas.vocabulary import Role

_ZONE = ZoneInfo("Europe/London")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_HOURS = re.compile(
    r"(daily|[a-z]{3}(?:-[a-z]{3})?) ([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)"
)


class Hours(NamedTuple):
    """Hours of the week, as minutes from Monday 00:00 in London: from `begin` to `end`, `end` excluded."""

    begin: int
    end: int


def _read_hours(value: Any) -> tuple[Hours, ...]:
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    first, _, last = found[1].partition("-") if found else ("", "", "")
    if found is None or not {first, last or first} <= {*_DAYS, "daily"} or last == "daily":
        raise ValueError(
            f'{value!r} is not days with their hours, such as "mon-fri 09:00-17:00" or "daily 20:00-08:00"'
        )
    begin = int(found[2]) * 60 + int(found[3])
    end = _DAY if found[4] is None else int(found[4]) * 60 + int(found[5])
    if begin == end:
        raise ValueError(f'{value!r} begins when it ends: all day is "00:00-24:00"')
    length = end - begin if begin < end else end + _DAY - begin
    days = range(7)
    if first != "daily":
        start = _DAYS.index(first)
        days = range(start, start + (_DAYS.index(last or first) - start) % 7 + 1)
    return tuple(Hours((day * _DAY + begin) % _WEEK, (day * _DAY + begin) % _WEEK + length) for day in days)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Staff(_Part):
    """A member of staff who settles reviews, with role and hours on duty."""

    id: StaffId
    role: Role
    on_duty: Annotated[tuple[Annotated[tuple[Hours, ...], BeforeValidator(_read_hours)], ...], Field(min_length=1)]

    def is_on_duty(self, minute: int) -> bool:
        """Return whether the member of staff is on duty at a minute of the week."""
        # Hours that begin on Sunday may end in the next week.
        return any(
            hours.begin <= at < hours.end for part in self.on_duty for hours in part for at in (minute, minute + _WEEK)
        )


class EscalateEvery(_Part):
    """Time after a missed deadline until the next person is asked."""

    emergency: Length
    other: Length

    @model_validator(mode="after")
    def _emergency_is_sooner(self) -> Self:
        if self.emergency > self.other:
            raise ValueError("`emergency` must not be longer than `other`")
        return self


class Duty(_Part):
    """The rota: staff who settle reviews, in the order in which they are asked."""

    escalate_every: EscalateEvery
    staff: Annotated[tuple[Staff, ...], Field(min_length=1)]

    _by_id: dict[str, Staff] = PrivateAttr(default_factory=dict)
    #: Staff on duty, by the minute of the week, and by whether only safeguarding leads count.
    _on_duty: dict[tuple[int, bool], tuple[Staff, ...]] = PrivateAttr(default_factory=dict)

    def named(self, staff: str) -> Staff | None:
        """Return the member of staff with that id; None if the rota has none."""
        return self._by_id.get(staff)

    def asked(self, at: datetime, step: int, *, lead: bool) -> Staff:
        """Return the person to ask at a time, after `step` persons were asked; with `lead`, a safeguarding lead.

        The order is that of the rota, and begins again after the last. If no lead is on duty, leads off duty are asked.
        """
        local = at.astimezone(_ZONE)
        minute = local.weekday() * _DAY + local.hour * 60 + local.minute
        on_duty = self._on_duty.get((minute, lead)) or self._look_up(minute, lead)
        return on_duty[step % len(on_duty)]

    def _look_up(self, minute: int, lead: bool) -> tuple[Staff, ...]:
        able = tuple(each for each in self.staff if not lead or each.role is Role.SAFEGUARDING_LEAD)
        # Cached: every review asks, and a week has only 10,080 minutes.
        found = self._on_duty[minute, lead] = tuple(each for each in able if each.is_on_duty(minute)) or able
        return found

    @model_validator(mode="after")
    def _is_a_rota(self) -> Self:
        faults: list[tuple[tuple[str | int, ...], str]] = []
        for index, each in enumerate(self.staff):
            if self._by_id.setdefault(each.id, each) is not each:
                faults.append((("staff", index, "id"), f"{each.id!r} is on the rota already"))
        if all(each.role is not Role.SAFEGUARDING_LEAD for each in self.staff):
            faults.append((("staff",), "there is no safeguarding_lead, who alone decides where AD-2 applies"))
        if (gap := _first_gap(self.staff)) is not None:
            faults.append((("staff",), f"no member of staff is on duty from {_hour(gap.begin)} to {_hour(gap.end)}"))
        if faults:
            raise ConfigProblems(faults)
        return self


def load_duty(path: Path | None = None, *, trained: Collection[Role] | None = None) -> Duty:
    """Return the rota of a TOML file, by default `duty.toml` of this package; raise `ConfigFileError` for its faults.

    With `trained`, a member of staff with another role is a fault.
    """
    source = resources.files("schemas.policy") / "duty.toml" if path is None else path
    name = "duty.toml" if path is None else str(path)
    duty, lines = read_file(source, name, Duty)
    untrained = [
        Fault(
            name,
            line_at(lines, ("staff", index, "role")),
            f"staff[{index}].role: {each.role.value} is not trained to settle a review: {', '.join(trained)}",
        )
        for index, each in enumerate(duty.staff)
        if trained is not None and each.role not in trained
    ]
    if untrained:
        raise ConfigFileError(untrained)
    return duty


def _first_gap(staff: Collection[Staff]) -> Hours | None:
    gone = [not any(each.is_on_duty(minute) for each in staff) for minute in range(_WEEK)]
    if True not in gone:
        return None
    begin = gone.index(True)
    end = next((minute for minute in range(begin, _WEEK) if not gone[minute]), _WEEK)
    return Hours(begin, end)


def _hour(minute: int) -> str:
    day, rest = divmod(minute, _DAY)
    return f"{_DAYS[day % 7]} {rest // 60:02}:{rest % 60:02}"
