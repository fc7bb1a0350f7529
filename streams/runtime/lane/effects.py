"""Performs effects, work outside the lane, each in a task.

An effect begins once the turn that started it is committed. The agent handles its result in a turn of its own. See
decision 0011.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

from streams.runtime.agent import Agent, Origin, Turn
from streams.runtime.failure import end_process
from streams.runtime.lane.items import Item, effect_done, effect_raised
from streams.runtime.lane.poison_work import PoisonWork

#: Effects of one lane that are performed at the same time. Effects that wait for a slot of the agent do not count: the
#: agent chooses which of them comes first, and it could not choose one that waits here.
EFFECTS_AT_ONCE = 10_000


class EffectCancelled(Exception):
    """A library cancelled an effect, although its lane did not: the outcome is unknown."""


class EffectTasks:
    """The effects of one lane; `add` gives the lane an item for its next turn."""

    def __init__(self, poison: PoisonWork, add: Callable[[Item], None]) -> None:
        self._poison = poison
        self._add = add
        self._at_once = asyncio.Semaphore(EFFECTS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_cancelled = False

    def start(self, effects: Iterable[tuple[Any, Origin]]) -> list[asyncio.Task[None]]:
        """Begin to perform effects, and return their tasks. Call it after the commit of the turn that started them."""
        begun = []
        for effect, origin in effects:
            task = asyncio.create_task(self._perform(effect, origin))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            begun.append(task)
        return begun

    def cancel(self) -> None:
        """Cancel the effects in progress; their outcome is unknown."""
        self._is_cancelled = True
        for task in self._tasks:
            task.cancel()

    async def _perform(self, effect: Any, origin: Origin) -> None:
        try:
            async with AsyncExitStack() as stack:
                slot = self._poison.agent.slot(effect)
                if slot is not None:
                    await stack.enter_async_context(slot)
                await stack.enter_async_context(self._at_once)
                if slot is not None and not await self._begins(effect, origin):
                    return
                agent = self._poison.agent
                async with asyncio.timeout(agent.effect_seconds):
                    result = await agent.perform(effect)
        except asyncio.CancelledError:
            if not self._is_cancelled:
                # Without this the effect would end without a result, and the agent would wait for it for ever.
                self._add(effect_raised(effect, EffectCancelled(), origin))
            raise
        except Exception as error:  # noqa: BLE001 - the lane's next turn handles it
            self._add(effect_raised(effect, error, origin))
        except BaseException as error:  # noqa: BLE001 - any other error ends the process
            end_process("effect", error)
        else:
            self._add(effect_done(effect, result, origin))

    async def _begins(self, effect: Any, origin: Origin) -> bool:
        """Have the agent record that the effect begins; return, after the commit, whether the effect is to begin."""
        begins: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        answers: list[bool] = []

        def record(agent: Agent[Any, Any, Any], turn: Turn) -> None:
            answers.append(agent.starting(effect, turn, origin))

        def on_done(was_done: bool) -> None:
            # The future is done already if the effect was cancelled because the lane closes.
            if not begins.done():
                begins.set_result(was_done and answers[-1])

        self._add(Item(record, origin, effect=effect, on_done=on_done, performing=asyncio.current_task()))
        return await begins
