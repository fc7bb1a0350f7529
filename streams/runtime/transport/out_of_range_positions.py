"""Notice where Kafka has no record at a consumer's position: aiokafka starts again at the log's beginning, silently.

Written against the source of aiokafka 0.14.0 (`consumer/fetcher.py`, `consumer/subscription_state.py`), pinned to it.
"""

from typing import Any

from aiokafka.consumer import subscription_state

_await_reset = subscription_state.TopicPartitionState.await_reset


class _OwnReset(int):
    """The fetcher's own way to reset a position: equal to the setting, and known from what a seek asks for."""


def _noting(state: Any, strategy: int) -> None:
    # Without a position there is no committed offset yet: nothing was read before.
    if isinstance(strategy, _OwnReset) and state._position is not None:  # noqa: SLF001
        state.out_of_range_at = state._position  # noqa: SLF001
    _await_reset(state, strategy)


def note_out_of_range(consumer: Any) -> None:
    """Have the partitions of a consumer that has started note a position that is out of range; again is harmless."""
    subscription_state.TopicPartitionState.await_reset = _noting
    fetcher: Any = consumer._fetcher  # noqa: SLF001 - made by start(), and aiokafka hands it out nowhere
    if fetcher is not None:
        fetcher._default_reset_strategy = _OwnReset(fetcher._default_reset_strategy)  # noqa: SLF001


def taken_out_of_range(state: Any) -> int | None:
    """Return the position of a partition that was out of range, once; None where none was."""
    position: int | None = state.__dict__.pop("out_of_range_at", None)
    return position
