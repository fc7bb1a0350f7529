"""Reads a time that staff enter: a clock time in London, a length of time, or ISO 8601 with its offset."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.reviews import read_time
from services.cli.option_times import TOO_FAR, is_too_far
from services.settings import SettingsError

_ZONE = ZoneInfo("Europe/London")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_LENGTH = re.compile(r"([1-9][0-9]{0,3}) (minute|hour)s?")
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_DAY = timedelta(days=1)


def past(option: str, text: str, now: datetime) -> datetime:
    """Return a time before `now`: for a clock time, the last such time. Raises `SettingsError` for any other text."""
    return _read(option, text, now, ahead=False)


def future(option: str, text: str, now: datetime) -> datetime:
    """Return a time after `now`: for a clock time, the next such time. Raises `SettingsError` for any other text."""
    return _read(option, text, now, ahead=True)


def _read(option: str, text: str, now: datetime, *, ahead: bool) -> datetime:
    if (found := _LENGTH.fullmatch(text)) is not None:
        length = int(found[1]) * _UNITS[found[2]]
        return now + length if ahead else now - length
    if (found := _CLOCK.fullmatch(text)) is not None:
        local = now.astimezone(_ZONE)
        at = local.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
        if ahead and at <= local:
            at += _DAY
        if not ahead and at > local:
            at -= _DAY
        return at.astimezone(UTC)
    given = read_time(text)
    if given is None:
        raise SettingsError(
            f'{option} is a time: "21:40" in London, minutes or hours such as "10 minutes" '
            f"({'from now' if ahead else 'ago'}), or ISO 8601 with its offset"
        )
    if is_too_far(given):
        raise SettingsError(f"{option} {TOO_FAR}")
    if (given > now) is not ahead:
        raise SettingsError(f"{option} must be {'after' if ahead else 'before'} now")
    return given
