"""Clocks that a test moves: one of dates, one of seconds."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)


class Clock:
    """A clock that returns `now`."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class SecondsClock:
    """A clock that returns `now` in seconds; `sleep` moves it and does not wait."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        # At least a microsecond: a smaller step could be below the float's precision, and the clock would not move.
        self.now += max(seconds, 1e-6)
