"""A fake for the end of a lane's process: the process of the test itself must not end."""

import pytest


class ProcessEnds:
    """Errors for which a lane would have ended its process, while the test runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[BaseException] = []
        for module in ("lane", "effects"):
            monkeypatch.setattr(
                f"streams.runtime.lane.{module}.end_process", lambda _, error: self.errors.append(error)
            )

    @property
    def classes(self) -> list[str]:
        return [type(error).__name__ for error in self.errors]
