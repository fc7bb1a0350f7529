"""The results of a load test: `load.json`, and a summary of a few lines."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.load.plan import Plan
from services.load.reconciliation import Stage
from services.load.search import FLAT, PRECISION, WARM_UP
from services.load.window import Window


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The highest flat rate that a search found, in records per second; None if a window was not settled in time."""

    highest: float | None


def machine() -> dict[str, Any]:
    """Return the machine on which the test ran."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": platform.machine(),
    }


def window_fields(window: Window) -> dict[str, Any]:
    """Return one window as JSON fields."""
    options, observed = window.options, window.observed
    plan = Plan(options, window.run)
    settled, after = window.settled_after, observed["decided_after"]
    counts = observed["reconciliation"]["counts"]
    return {
        "run": window.run,
        "seed": options.seed,
        "options": options.fields(),
        "planned": {**plan.counts(), "people": plan.people},
        "rates": {
            "offered": len(plan.due) / options.seconds,
            "decided": counts["decided"] / max(after, options.seconds) if after else 0.0,
        },
        "sender": window.sender,
        "latency_milliseconds": observed["latency"],
        "lag": {
            "flat": window.is_flat(),
            "slope_per_second": window.slope(),
            "columns": ["seconds", "due", "decided", "backlog_decided"],
            "samples": observed["samples"],
        },
        "settled_after_seconds": settled,
        "outcomes": observed["outcomes"],
        "reconciliation": observed["reconciliation"],
    }


def fields(windows: Sequence[Window], found: SearchResult | None, deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole test as JSON fields."""
    return {
        "made_at": datetime.now(UTC).isoformat(),
        "machine": machine(),
        "house": dict(deployment),
        "search": None
        if found is None
        else {
            "highest_flat_rate": found.highest,
            "flat_is": f"the lag's least-squares slope after the first {WARM_UP:.0%} of a window "
            f"is at most {FLAT:.0%} of the rate; found to within {PRECISION:.0%}",
        },
        "windows": [window_fields(window) for window in windows],
    }


def leave(out: Path, result: Mapping[str, Any]) -> None:
    """Write `load.json` into the folder."""
    (out / "load.json").write_text(json.dumps(result, indent=1) + "\n")


def lines(window: Window) -> list[str]:
    """Return the summary of a window, as lines."""
    options, observed = window.options, window.observed
    counts = observed["reconciliation"]["counts"]
    summary = [
        f"{options.rate:,.0f}/s {options.arrivals} for {options.seconds:g} s: {_counted(window.sender, ('sent',))}, "
        + _counted(counts, ("decided", "reports", "acknowledged", "failed", "rejected")),
        f"lag {'flat' if window.is_flat() else 'not flat'}: {window.slope():+.1f} records each second",
    ]
    if options.backlog:
        summary.append(_backlog(window))
    for stage in Stage:
        summary += [
            f"to {stage}, {kind}: {_percentiles(taken)} ({taken['count']:,})"
            for kind in ("urgent", "routine", "all")
            if (taken := observed["latency"][stage.value][kind])["count"]
        ]
    if (late := window.sender["late"]).get("count"):
        summary.append(f"sent after it was due: {_percentiles(late)}")
    return summary


def _backlog(window: Window) -> str:
    samples = window.observed["samples"]
    during = [sample for sample in samples if sample[0] <= window.options.seconds]
    if not during:
        return f"backlog of {window.options.backlog:,}"
    begun, ended = during[0][3], during[-1][3]
    rate = (ended - begun) / max(during[-1][0] - during[0][0], 1e-9)
    left = window.options.backlog - ended
    return f"backlog of {window.options.backlog:,}: {begun:,} decided at the start, {rate:,.0f}/s since, {left:,} left"


def _counted(counts: Mapping[str, int], names: Sequence[str]) -> str:
    return ", ".join(f"{counts[name]:,} {name}" for name in names)


def _percentiles(taken: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {taken[name]:,.0f} ms" for name in ("p50", "p99", "p99.9", "max"))
