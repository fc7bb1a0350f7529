"""Items, the work of a lane that comes from no topic: due timers, results of effects, entries to resume."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.runtime.agent import Agent, Origin, Timer, Turn

Effects = list[tuple[Any, Origin]]
_NO_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of work: `do` has the agent do it in a turn. `timer`, `effect` or `entry` identifies it."""

    do: Callable[[Agent[Any, Any, Any], Turn], None]
    origin: Origin = _NO_ORIGIN
    timer: bytes | None = None
    effect: Any | None = None
    entry: bytes | None = None
    #: Called after the commit: with True if the agent did the item, with False if it was put aside.
    on_done: Callable[[bool], None] = lambda _: None
    #: The task that performs the item's effect afterwards.
    performing: asyncio.Task[Any] | None = None


def timer_due(name: bytes, timer: Timer) -> Item:
    """Return the item of a timer that is due."""

    def do(agent: Agent[Any, Any, Any], turn: Turn) -> None:
        if name in turn.timers:
            # An item before this one, in the same turn, has set the timer anew or called it off.
            return
        turn.unschedule(name)
        agent.due(name, turn, timer.origin)

    return Item(do, timer.origin, timer=name)


def effect_done(effect: Any, result: Any, origin: Origin) -> Item:
    """Return the item of an effect's result."""
    return Item(lambda agent, turn: agent.effect_done(effect, result, turn, origin), origin, effect=effect)


def effect_raised(effect: Any, error: Exception, origin: Origin) -> Item:
    """Return the item of an effect that raised while it was performed: the item raises too, and is put aside."""

    def do(agent: Agent[Any, Any, Any], turn: Turn) -> None:  # noqa: ARG001 - as every item
        raise error

    return Item(do, origin, effect=effect)


def entry_to_resume(key: bytes) -> Item:
    """Return the item of an unfinished entry; it does nothing if the entry is gone by then."""

    def do(agent: Agent[Any, Any, Any], turn: Turn) -> None:
        if (value := turn.get(key)) is not None:
            agent.resume(key, value, turn)

    return Item(do, entry=key)
