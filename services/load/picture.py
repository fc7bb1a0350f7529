"""Draws a load test: latencies by percentile, and throughput and lag over time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

_INCHES = (11.0, 4.5)
_COLOURS = {"decision": "#3b6ea5", "report": "#c47f17", "acknowledgement": "#3f7f4c"}
_TICKS = (50.0, 90.0, 99.0, 99.9, 99.99)
#: Smallest distance from 100 % that the axis shows.
_LAST = 0.001


def draw(path: Path, result: Mapping[str, Any]) -> None:
    """Draw the last window of the result of `results.fields`; the suffix of the path selects the format."""
    window = result["windows"][-1]
    # Text stays text in an SVG file: it can be searched, and the file is small.
    with mpl.rc_context({"svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        latencies, flow = figure.subplots(1, 2)
        _draw_latencies(latencies, window["latency_milliseconds"])
        _draw_flow(flow, window)
        options, cores = window["options"], result["machine"]["cores"]
        figure.suptitle(f"{options['rate']:,.0f}/s {options['arrivals']} for {options['seconds']:g} s, {cores} cores")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {})


def _draw_latencies(axes: Any, latencies: Mapping[str, Any]) -> None:
    for stage, by_urgency in latencies.items():
        for urgency, style in (("urgent", "-"), ("routine", "--")):
            if not by_urgency[urgency]["count"]:
                continue
            curve = by_urgency[urgency]["curve"]
            at = [100.0 / max(100.0 - percentile, _LAST) for percentile, _ in curve if percentile < 100.0]
            axes.plot(
                at,
                [value for percentile, value in curve if percentile < 100.0],
                style,
                color=_COLOURS[stage],
                label=f"to {stage}, {urgency}",
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([100.0 / (100.0 - tick) for tick in _TICKS], [f"{tick:g} %" for tick in _TICKS])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.minorticks_off()
    axes.set_xlabel("percentile")
    axes.set_ylabel("milliseconds from when it was due")
    axes.grid(visible=True, alpha=0.3)
    if axes.lines:
        axes.legend()


def _draw_flow(axes: Any, window: Mapping[str, Any]) -> None:
    samples = window["lag"]["samples"]
    at = [sample[0] for sample in samples]
    lag = axes.twinx()
    lag.plot(at, [due - decided for _, due, decided, _ in samples], color="#a33a3a", linewidth=0.9)
    lag.set_ylabel("lag: due and not decided", color="#a33a3a")
    lag.set_ylim(bottom=0)
    for name, column, colour in (("due", 1, "#999999"), ("decided", 2, "#3b6ea5"), ("backlog decided", 3, "#c47f17")):
        times, rates = _rates(samples, column)
        if any(rates):
            axes.plot(times, rates, color=colour, label=name)
    axes.set_xlabel("seconds from the start")
    axes.set_ylabel("records a second")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    if axes.lines:
        axes.legend(loc="upper left")


def _rates(samples: list[list[float]], column: int) -> tuple[list[float], list[float]]:
    """Return times and records per second, each measured over about one second of samples."""
    times, rates = [], []
    before = samples[0] if samples else []
    for sample in samples[1:]:
        if sample[0] - before[0] >= 1.0:
            times.append((sample[0] + before[0]) / 2)
            rates.append((sample[column] - before[column]) / (sample[0] - before[0]))
            before = sample
    return times, rates
