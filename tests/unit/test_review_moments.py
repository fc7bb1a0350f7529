"""Times that staff enter: a clock time in London, a length, or ISO 8601."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from services.cli.review_moments import future, past
from services.settings import SettingsError

#: It is 22:10 in London.
NOW = datetime(2026, 7, 3, 21, 10, tzinfo=UTC)
Read = Callable[[str, str, datetime], datetime]


@pytest.mark.parametrize(
    ("read", "text", "at"),
    [
        (past, "22:05", datetime(2026, 7, 3, 21, 5, tzinfo=UTC)),
        (past, "22:15", datetime(2026, 7, 2, 21, 15, tzinfo=UTC)),
        (past, "10 minutes", datetime(2026, 7, 3, 21, 0, tzinfo=UTC)),
        (past, "2026-07-03T22:00:00+01:00", datetime(2026, 7, 3, 21, 0, tzinfo=UTC)),
        (future, "22:15", datetime(2026, 7, 3, 21, 15, tzinfo=UTC)),
        (future, "22:10", datetime(2026, 7, 4, 21, 10, tzinfo=UTC)),
        (future, "1 hour", datetime(2026, 7, 3, 22, 10, tzinfo=UTC)),
        (future, "2026-07-03T21:30:00Z", datetime(2026, 7, 3, 21, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(read: Read, text: str, at: datetime) -> None:
    assert read("--at", text, NOW) == at


NO_TIMES = ("", "soon", "25:00", "10", "2026-07-03T21:00:00", "0 minutes", "10 minutes ago", "10 seconds", "10 days")


@pytest.mark.parametrize("text", NO_TIMES)
@pytest.mark.parametrize("read", [past, future])
def test_what_is_no_time_is_refused_with_what_is(read: Read, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read("--at", text, NOW)
    side = "ago" if read is past else "from now"
    allowed = f'"21:40" in London, minutes or hours such as "10 minutes" ({side}), or ISO 8601 with its offset'
    assert str(refused.value) == f"--at is a time: {allowed}"


def test_a_time_on_the_wrong_side_of_now_is_refused() -> None:
    with pytest.raises(SettingsError, match="--at must be before now"):
        past("--at", "2026-07-04T00:00:00Z", NOW)
    with pytest.raises(SettingsError, match="--not-reached-until must be after now"):
        future("--not-reached-until", "2026-07-03T00:00:00Z", NOW)
