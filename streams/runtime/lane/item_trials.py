"""Finds the timers, effects and entries that end process after process without a log entry, and puts them aside.

A lane is on trial once it opened more than `MOST_OPENINGS` times without lasting or closing in order. Then it notes its
items in the changelog before it does them:

1. The first process notes and does all items of a turn together.
2. If that process dies, the next one does those items one by one, and notes each.
3. An item on which two processes died is put aside.

The trial of an item lasts until its turn is committed and the effects that it began had a moment to end. All other
lanes of the process wait meanwhile: otherwise the item would be blamed for a death that another lane caused.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from streams.runtime.agent import Agent
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.items import Item
from streams.runtime.lane.poison_errors import CAREFUL_SECONDS, MOST_TRIES, EndsProcesses
from streams.runtime.lane.state import ItemTrial, LaneState, item_trial_note, openings_note
from streams.runtime.lane.turn_commit import TurnCommits

#: Key of the items' count of openings; the other keys are topics.
ITEMS = ""
#: Openings without an orderly end, after which the items of a lane are on trial.
MOST_OPENINGS = 2
#: Longest wait for an effect on trial (seconds) before the next item: an effect that kills mostly does so at once.
_EFFECT_SECONDS = 0.3


class ItemTrials:
    """Notes items before they are done, in a lane whose processes ended without a log entry."""

    def __init__(self, lane: LaneId, state: LaneState, commits: TurnCommits) -> None:
        self._lane = lane
        self._state = state
        self._commits = commits
        before = state.item_trial
        self._suspects = dict.fromkeys(before.names, before.tries) if before is not None else {}
        self._until = time.monotonic() + CAREFUL_SECONDS
        self._is_on = bool(self._suspects) or state.openings.get(ITEMS, 0) > MOST_OPENINGS

    async def are_on(self) -> bool:
        """Return whether items are on trial. Once the lane has lasted, end the trials and the count of openings."""
        if time.monotonic() > self._until and self._state.openings.get(ITEMS):
            await self._commits.write_notes(openings_note(ITEMS, 0), item_trial_note(None))
            self._state.openings.pop(ITEMS, None)
            self._state.item_trial = None
            self._is_on = False
        return self._is_on

    def groups(self, items: Sequence[Item], agent: Agent[Any, Any, Any]) -> list[Sequence[Item]]:
        """Return the items in parts, one trial each: suspects one by one, then the others together."""
        alone = [item for item in items if name_of(item, agent) in self._suspects]
        others = [item for item in items if name_of(item, agent) not in self._suspects]
        return [*([item] for item in alone), *([others] if others else [])]

    async def begin(self, items: Sequence[Item], agent: Agent[Any, Any, Any]) -> None:
        """Note that items are begun. Raises `EndsProcesses` for an item on which two processes ended."""
        names = [name for item in items if (name := name_of(item, agent)) is not None]
        tries = self._suspects.get(names[0], 0) if len(names) == 1 else 0
        if tries >= MOST_TRIES:
            raise EndsProcesses
        if names:
            noted = ItemTrial(tries + 1, tuple(names))
            await self._commits.write_notes(item_trial_note(noted))
            self._state.item_trial = noted

    async def wait_for(self, effects: Sequence[asyncio.Task[None]]) -> None:
        """Wait a moment for effects that began."""
        if effects:
            await asyncio.wait(effects, timeout=_EFFECT_SECONDS)

    async def end(self, items: Sequence[Item], agent: Agent[Any, Any, Any]) -> None:
        """Note that the process survived these items."""
        for item in items:
            self._suspects.pop(name_of(item, agent) or b"", None)
        if self._state.item_trial is not None:
            await self._commits.write_notes(item_trial_note(None))
            self._state.item_trial = None


def name_of(item: Item, agent: Agent[Any, Any, Any]) -> bytes | None:
    """Return a name of an item that is the same after a restart: of its timer or entry; None if it has neither.

    An entry has three names: it is resumed, its effect begins, its effect ends. A process that survives one of the
    three may still die of another.
    """
    if item.timer is not None:
        return b"timer " + item.timer
    if item.entry is not None:
        return b"resumed " + item.entry
    try:
        key = agent.entry_of(item.effect)
    except Exception:  # noqa: BLE001 - it raises again, and is logged, when the item is put aside
        return None
    if key is None:
        return None
    return (b"ended " if item.performing is None else b"begun ") + key
