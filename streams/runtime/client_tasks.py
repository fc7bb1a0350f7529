"""Ends the process if a background task of an aiokafka client ends.

A consumer's task that fetches ends at an unexpected error. Then `getmany` returns nothing for ever, and raises nothing.
A client's task that refreshes the metadata ends too, also if a library cancels the request that it waits for. Then a
consumer or producer never finds a leader that has moved. A producer's task that sends may end by such a cancellation,
and what was to be sent waits for ever. aiokafka starts none of them again.

Written against the source of aiokafka 0.14.0 (`client.py`, `consumer/fetcher.py`, `producer/sender.py`), and pinned to
it. See decision 0027.
"""

import asyncio
from functools import partial
from typing import Any

from streams.runtime.failure import LibraryCancelled, end_process


def end_with_consumer(consumer: Any) -> None:
    """End the process if a task of a started consumer ends before the consumer is stopped."""
    consumer._fetcher._fetch_task.add_done_callback(partial(_check_end, "fetches of a consumer"))  # noqa: SLF001
    consumer._client._sync_task.add_done_callback(partial(_check_end, "metadata of a consumer"))  # noqa: SLF001


def end_with_producer(producer: Any) -> None:
    """End the process if a task of a started producer ends before the producer is stopped.

    An error of the task that sends is raised to whoever sends, for example that the producer was fenced.
    """
    producer._sender._sender_task.add_done_callback(_check_end_of_sending)  # noqa: SLF001
    producer.client._sync_task.add_done_callback(partial(_check_end, "metadata of a producer"))  # noqa: SLF001


def _check_end_of_sending(task: "asyncio.Task[None]") -> None:
    if task.cancelled() or task.exception() is None:
        _check_end("sending of a producer", task)


def _check_end(where: str, task: "asyncio.Task[None]") -> None:
    if task.cancelling():
        # The client was stopped. A cancellation by a library is not counted there.
        return
    error = None if task.cancelled() else task.exception()
    end_process(where, error or LibraryCancelled())
