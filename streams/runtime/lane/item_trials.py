"""Timers, effects and entries on which process after process ends without a word: found, and put aside.

A lane that opened more than `MOST_OPENINGS` times, none of which lasted or ended in order, notes items in its changelog
before it does them. First all of a turn; those that were noted when the process died come one by one in the next, and
one on which two processes died is put aside. An item is on trial until what came of it is committed, and an effect that
it began had a moment to end: other lanes stand still meanwhile, or the item would be blamed for what they did.
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

#: Key of the count of openings for items, beside those of topics.
ITEMS = ""
#: Openings of a lane without an end that says why, after which its items are on trial.
MOST_OPENINGS = 2
#: How long an effect on trial may take (seconds), before the next item comes: what kills mostly does so at once.
_EFFECT_SECONDS = 0.3


class ItemTrials:
    """Notes items before they are done, in a lane whose processes ended without a word."""

    def __init__(self, lane: LaneId, state: LaneState, commits: TurnCommits) -> None:
        self._lane = lane
        self._state = state
        self._commits = commits
        before = state.item_trial
        self._suspects = dict.fromkeys(before.names, before.tries) if before is not None else {}
        self._until = time.monotonic() + CAREFUL_SECONDS
        self._is_on = bool(self._suspects) or state.openings.get(ITEMS, 0) > MOST_OPENINGS

    async def are_on(self) -> bool:
        """Return whether items are on trial; once the lane has lasted, end that and the count of its openings."""
        if time.monotonic() > self._until and self._state.openings.get(ITEMS):
            await self._commits.write_notes(openings_note(ITEMS, 0), item_trial_note(None))
            self._state.openings.pop(ITEMS, None)
            self._state.item_trial = None
            self._is_on = False
        return self._is_on

    def groups(self, items: Sequence[Item], agent: Agent[Any, Any, Any]) -> list[Sequence[Item]]:
        """Return the items in parts, each for a trial of its own: suspects one by one, then the others together."""
        alone = [item for item in items if name_of(item, agent) in self._suspects]
        others = [item for item in items if name_of(item, agent) not in self._suspects]
        return [*([item] for item in alone), *([others] if others else [])]

    async def begin(self, items: Sequence[Item], agent: Agent[Any, Any, Any]) -> None:
        """Note that items are begun; raise `EndsProcesses` for one on which process after process ended."""
        names = [name for item in items if (name := name_of(item, agent)) is not None]
        tries = self._suspects.get(names[0], 0) if len(names) == 1 else 0
        if tries >= MOST_TRIES:
            raise EndsProcesses
        if names:
            noted = ItemTrial(tries + 1, tuple(names))
            await self._commits.write_notes(item_trial_note(noted))
            self._state.item_trial = noted

    async def wait_for(self, effects: Sequence[asyncio.Task[None]]) -> None:
        """Give effects that began a moment to end."""
        if effects:
            await asyncio.wait(effects, timeout=_EFFECT_SECONDS)

    async def end(self, items: Sequence[Item], agent: Agent[Any, Any, Any]) -> None:
        """Note that the process outlived these items."""
        for item in items:
            self._suspects.pop(name_of(item, agent) or b"", None)
        if self._state.item_trial is not None:
            await self._commits.write_notes(item_trial_note(None))
            self._state.item_trial = None


def name_of(item: Item, agent: Agent[Any, Any, Any]) -> bytes | None:
    """Return what names an item over restarts: its timer, or its entry; None where it has neither and comes once.

    An entry is resumed, its effect begins and ends: one that outlives one of the three may yet die of another.
    """
    if item.timer is not None:
        return b"timer " + item.timer
    if item.entry is not None:
        return b"resumed " + item.entry
    try:
        key = agent.entry_of(item.effect)
    except Exception:  # noqa: BLE001 - it raises again, and is logged, where the item is put aside
        return None
    if key is None:
        return None
    return (b"ended " if item.performing is None else b"begun ") + key
