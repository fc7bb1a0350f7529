"""Work of a lane that comes on no topic: timers that are due, effects that were performed, entries to resume."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.runtime.agent import Agent, Cause, Timer, Turn

Effects = list[tuple[Any, Cause]]
_NO_CAUSE = Cause()


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of work: `do` has the agent do it in a turn. At least one of the others says what it is."""

    do: Callable[[Agent[Any, Any, Any], Turn], None]
    cause: Cause = _NO_CAUSE
    timer: bytes | None = None
    effect: Any | None = None
    entry: bytes | None = None
    #: Called with whether the agent did it, once that, or that it was put aside, is committed.
    over: Callable[[bool], None] = lambda _: None
    #: The task that performs its effect from then on.
    performing: asyncio.Task[Any] | None = None


def timer_due(name: bytes, timer: Timer) -> Item:
    """Return the call of a timer whose time has come."""

    def do(agent: Agent[Any, Any, Any], turn: Turn) -> None:
        turn.unschedule(name)
        agent.due(name, turn, timer.cause)

    return Item(do, timer.cause, timer=name)


def effect_done(effect: Any, result: Any, cause: Cause) -> Item:
    """Return what follows from the result of an effect."""
    return Item(lambda agent, turn: agent.effect_done(effect, result, turn, cause), cause, effect=effect)


def effect_raised(effect: Any, error: Exception, cause: Cause) -> Item:
    """Return an effect that raised while it was performed: it raises again, and is put aside."""

    def do(agent: Agent[Any, Any, Any], turn: Turn) -> None:  # noqa: ARG001 - as every item
        raise error

    return Item(do, cause, effect=effect)


def entry_to_resume(key: bytes) -> Item:
    """Return the resumption of an unfinished entry; nothing where it is gone by then."""

    def do(agent: Agent[Any, Any, Any], turn: Turn) -> None:
        if (value := turn.get(key)) is not None:
            agent.resume(key, value, turn)

    return Item(do, entry=key)
