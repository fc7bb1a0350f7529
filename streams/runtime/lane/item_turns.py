"""The turns of a lane over its items: due timers, results of effects, entries to resume."""

import asyncio
from collections.abc import Callable, Sequence

from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.item_trials import ItemTrials
from streams.runtime.lane.items import Effects, Item
from streams.runtime.lane.poison_errors import EndsProcesses, WorkRaised
from streams.runtime.lane.poison_work import PoisonWork
from streams.runtime.lane.state import LaneState
from streams.runtime.lane.transaction import Undeliverable
from streams.runtime.lane.turn_commit import TurnCommits


class ItemTurns:
    """Does items, many in one turn. If one raises and the lane is careful, each has a turn of its own."""

    def __init__(
        self,
        lane: LaneId,
        state: LaneState,
        commits: TurnCommits,
        poison: PoisonWork,
        *,
        start: Callable[[Effects], list[asyncio.Task[None]]],
        give_back: Callable[[Sequence[Item]], None],
        is_closing: Callable[[], bool],
    ) -> None:
        self._start = start
        self._give_back = give_back
        self._is_closing = is_closing
        self._lane = lane
        self._state = state
        self._commits = commits
        self._poison = poison
        self._trials = ItemTrials(lane, state, commits)

    async def run(self, items: Sequence[Item]) -> None:
        """Do the items and start their effects. Raises `WorkRaised` if the process must end.

        If each item is done alone, the rest is given back once the lane closes or is held.
        """
        if await self._trials.are_on():
            await self._on_trial(items)
            return
        try:
            self._start(await self._together(items))
            return
        except WorkRaised:
            if not self._poison.is_careful:
                raise
            self._poison.renew_agent()
        for number, item in enumerate(items):
            if self._is_closing():
                self._give_back(items[number:])
                return
            self._start(await self._alone(item))

    async def _on_trial(self, items: Sequence[Item]) -> None:
        """Do items in parts, and note each part before it is begun."""
        parts = self._trials.groups(items, self._poison.agent)
        while parts:
            if self._is_closing():
                self._give_back([item for part in parts for item in part])
                return
            part = parts.pop(0)
            async with self._lane.trial():
                begun = await self._tried(part)
                if begun is None:
                    parts[:0] = [[item] for item in part]
                    continue
                begun += [item.performing for item in part if item.performing is not None]
                await self._trials.wait_for(begun)
                await self._trials.end(part, self._poison.agent)

    async def _tried(self, part: Sequence[Item]) -> list[asyncio.Task[None]] | None:
        """Do a part, and return the effects that began; None if it raised and its items must be done one by one."""
        try:
            await self._trials.begin(part, self._poison.agent)
            return self._start(await self._together(part, on_trial=True))
        except EndsProcesses as error:
            return self._start(await self._put_aside(part[0], error))
        except WorkRaised as raised:
            if not self._poison.is_careful:
                await self._trials.end(part, self._poison.agent)
                raise
            self._poison.renew_agent()
            if len(part) > 1:
                return None
            return self._start(await self._put_aside(part[0], raised.__cause__ or raised))

    async def _together(self, items: Sequence[Item], *, on_trial: bool = False) -> Effects:
        if not on_trial:
            with self._lane.host.watchdog.waiting(self._lane.name):
                await self._lane.host.trials.wait_until_free()
        turn = self._state.turn(self._lane.now())
        try:
            for item in items:
                with self._lane.host.watchdog.call(self._lane.name):
                    item.do(self._poison.agent, turn)
        except Exception as error:
            raise WorkRaised from error
        try:
            await self._commits.commit(turn, {})
        except Undeliverable as error:
            raise WorkRaised from error
        for item in items:
            item.on_done(True)
        return turn.effects

    async def _alone(self, item: Item) -> Effects:
        try:
            return await self._together([item])
        except WorkRaised as raised:
            self._poison.renew_agent()
            return await self._put_aside(item, raised.__cause__ or raised)

    async def _put_aside(self, item: Item, error: BaseException) -> Effects:
        aside = self._poison.item_put_aside(item, error)
        effects = await aside.commit(lambda turn, note: self._commits.commit(turn, {}, [note]))
        item.on_done(False)
        return effects
