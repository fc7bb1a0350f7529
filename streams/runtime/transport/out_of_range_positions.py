"""Notes a position at which Kafka has no record: aiokafka would go back to the log's beginning without a trace.

Written against the source of aiokafka 0.14.0 (`consumer/fetcher.py`, `consumer/subscription_state.py`), pinned to it.
"""

from typing import Any

from aiokafka.consumer import subscription_state

_await_reset = subscription_state.TopicPartitionState.await_reset


class _FetcherReset(int):
    """The fetcher's reset strategy: equal to the setting, but of a type of its own, so that a seek's reset differs."""


def _note_and_await_reset(state: Any, strategy: int) -> None:
    # Without a position there is no committed offset yet: nothing was read before.
    if isinstance(strategy, _FetcherReset) and state._position is not None:  # noqa: SLF001
        state.out_of_range_at = state._position  # noqa: SLF001
    _await_reset(state, strategy)


def note_out_of_range(consumer: Any) -> None:
    """Have the partitions of a started consumer note a position that is out of range. A second call does no harm."""
    subscription_state.TopicPartitionState.await_reset = _note_and_await_reset
    fetcher: Any = consumer._fetcher  # noqa: SLF001 - start() makes it, and aiokafka has no public access to it
    if fetcher is not None:
        fetcher._default_reset_strategy = _FetcherReset(fetcher._default_reset_strategy)  # noqa: SLF001


def taken_out_of_range(state: Any) -> int | None:
    """Return the out-of-range position of a partition and forget it; None if there was none."""
    position: int | None = state.__dict__.pop("out_of_range_at", None)
    return position
