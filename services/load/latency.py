"""Latencies in HDR histograms: from 1 µs to 1 h, with three digits of precision.

Why hdrhistogram: see decision 0015.
"""

from collections.abc import Iterable
from typing import Any

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

_HIGHEST_MICROSECONDS = 3_600_000_000
_DIGITS = 3
#: The percentiles of the results, and those of the curve in the picture.
REPORTED = (50.0, 90.0, 99.0, 99.9)
_CURVE = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99, 100.0)


class Latencies:
    """Latencies of one kind, in seconds."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _HIGHEST_MICROSECONDS, _DIGITS)

    def record(self, seconds: float) -> None:
        """Count one latency; one outside the range counts as the nearest value in it."""
        self._histogram.record_value(min(max(1, round(seconds * 1e6)), _HIGHEST_MICROSECONDS))

    def add(self, other: "Latencies") -> None:
        """Add the counts of another histogram to this one."""
        self._histogram.add(other._histogram)  # noqa: SLF001 - the same class

    @property
    def count(self) -> int:
        """The number of latencies."""
        counted: int = self._histogram.get_total_count()
        return counted

    def percentiles(self, asked: Iterable[float] = REPORTED) -> dict[float, float]:
        """Return the given percentiles in milliseconds; an empty dict if there are no latencies."""
        if not self.count:
            return {}
        found = self._histogram.get_percentile_to_value_dict(list(asked))
        # The upper edge of a bucket can be larger than the largest latency.
        largest = self._histogram.get_max_value()
        return {percentile: min(value, largest) / 1e3 for percentile, value in sorted(found.items())}

    def fields(self) -> dict[str, Any]:
        """Return the count, percentiles and the curve in milliseconds as JSON fields."""
        if not self.count:
            return {"count": 0}
        reported = {f"p{percentile:g}": value for percentile, value in self.percentiles().items()}
        return {
            "count": self.count,
            **reported,
            "max": self._histogram.get_max_value() / 1e3,
            "mean": self._histogram.get_mean_value() / 1e3,
            "curve": [list(point) for point in self.percentiles(_CURVE).items()],
        }
