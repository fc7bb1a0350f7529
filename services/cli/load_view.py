"""The display of a running load test: a table on a terminal, elsewhere a line every two seconds."""

import time

from rich.table import Table

from services.cli.live_view import LiveView
from services.load.window import Progress

_LINE_SECONDS = 2.0


class LoadView(LiveView):
    """Displays the progress of a window."""

    def __init__(self) -> None:
        super().__init__(redraws_per_second=4)
        self._printed_at = 0.0
        self._before: tuple[float, int] = (0.0, 0)
        self._rate = 0.0

    def show(self, progress: Progress) -> None:
        """Display how far the window is."""
        now = time.monotonic()
        if not self._is_drawing and now - self._printed_at < _LINE_SECONDS:
            return
        self._update_rate(now, progress)
        if self._is_drawing:
            self._draw(_table(progress, self._rate))
            return
        self._printed_at = now
        if progress.elapsed is not None or progress.filled:
            self.console.print(_line(progress, self._rate), highlight=False)

    def _update_rate(self, now: float, progress: Progress) -> None:
        """Update the decisions per second, measured over about the last second."""
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
    for stage, percentiles in progress.latency.items():
        values[f"to {stage}"] = f"p50 {percentiles['p50']:.0f} ms, p99 {percentiles['p99']:.0f} ms"
    return values
