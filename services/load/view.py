"""What is seen while a window runs: a table on a terminal, elsewhere a line every few seconds."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.load.window import Progress

_LINE_SECONDS = 2.0


class View:
    """Shows the progress."""

    def __init__(self) -> None:
        self.console = Console(soft_wrap=True)
        self._live: Live | None = None
        self._told_at = 0.0
        self._before: tuple[float, int] = (0.0, 0)
        self._rate = 0.0

    def say(self, text: str) -> None:
        """Print a line beside the table."""
        self.console.print(text, style="dim", highlight=False)

    def show(self, progress: Progress) -> None:
        """Show how far the window is."""
        now = time.monotonic()
        if self._live is None and now - self._told_at < _LINE_SECONDS:
            return
        self._take_rate(now, progress)
        if self._live is not None:
            self._live.update(_table(progress, self._rate))
            return
        self._told_at = now
        if progress.elapsed is not None or progress.filled:
            self.console.print(_line(progress, self._rate), highlight=False)

    def __enter__(self) -> Self:
        """Begin to draw, on a terminal."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last table standing."""
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

    def _take_rate(self, now: float, progress: Progress) -> None:
        """Take the decisions a second since about a second ago."""
        before_at, before = self._before
        decided = progress.decided + progress.backlog_decided
        if decided < before or now - before_at >= 1.0:
            self._rate = max(0, decided - before) / (now - before_at) if before_at and decided >= before else 0.0
            self._before = (now, decided)


def _table(progress: Progress, rate: float) -> Table:
    elapsed = progress.elapsed
    state = "filling" if elapsed is None else f"{min(elapsed, progress.options.seconds):.0f} s"
    options = progress.options
    title = f"{options.rate:,.0f}/s {options.arrivals}, {state} of {options.seconds:.0f} s"
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in _values(progress, rate).items():
        table.add_row(name, value)
    return table


def _line(progress: Progress, rate: float) -> str:
    elapsed = "filling" if progress.elapsed is None else f"{progress.elapsed:5.1f} s"
    return f"{elapsed}  " + "  ".join(f"{name} {value}" for name, value in _values(progress, rate).items())


def _values(progress: Progress, rate: float) -> dict[str, str]:
    values = {}
    if progress.options.backlog:
        values["backlog"] = f"{progress.backlog_decided:,} of {progress.filled:,} decided"
    if progress.elapsed is not None:
        values |= {
            "sent": f"{progress.sent:,}",
            "decided": f"{progress.decided:,}",
            "lag": f"{progress.due - progress.decided:,}",
        }
    values["rate"] = f"{rate:,.0f}/s"
    for stage, told in progress.latency.items():
        values[f"to {stage}"] = f"p50 {told['p50']:.0f} ms, p99 {told['p99']:.0f} ms"
    return values
