"""How a lane opens: fence its predecessor, restore its state, and refuse what does not fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from streams.runtime.changelog import Progress, restore
from streams.runtime.failure import LaneRefused
from streams.runtime.groups import LaneId
from streams.runtime.state import LaneState
from streams.runtime.steps import Step
from streams.runtime.transaction import TransactionalWriter

_log = structlog.get_logger("confide.runtime")


class StateDoesNotFit(LaneRefused):
    """A lane's state and its offsets do not fit each other: going on would lose or double records."""


class TransactionHangs(LaneRefused):
    """A transaction on the changelog is open: the state behind it cannot be read until it has ended."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a lane goes on from."""

    #: With a next offset for every source: whatever is fetched has to follow from there, the first record too.
    state: LaneState
    #: Next offsets, by topic, that the changelog does not have: to be written before anything is worked off.
    unwritten: Mapping[str, int]


async def open_state(lane: LaneId, writer: TransactionalWriter, report: Callable[[Progress], None]) -> Opened:
    """Return the lane's state, its writer fenced and ready; raise `StateDoesNotFit` or `TransactionHangs`.

    Of the offsets that the group and the changelog have, the larger is taken; where neither has one, the log's start.
    """
    group, partition = lane.group, lane.partition
    await writer.start()
    lane.step(Step.FENCED)
    committed = await writer.committed(group.sources, partition)
    found = await restore(lane.host.bootstrap, group.changelog, partition, group.sources, report)
    lane.step(Step.RESTORED)
    if found.hangs_at is not None:
        # Fencing ends its transactions, unless the broker has lost one that it took for ended (Kafka 4.3 and 4.4 do so
        # with what ran out of time while they were away, KAFKA-20734): what it wrote would seem never to have been.
        # A slow broker may also take long to write the markers, so the lane tries again.
        raise TransactionHangs(
            f"{group.changelog}-{partition}: a transaction hangs at {found.hangs_at}; see kafka-transactions.sh"
        )
    written = dict(found.state.next_offsets)
    _fit(lane, found.state, committed, found.log_starts)
    _log.info(
        "state is restored",
        lane=lane.name,
        records=found.progress.records,
        seconds=round(found.progress.seconds, 3),
        records_a_second=round(found.progress.rate),
    )
    offsets = found.state.next_offsets
    return Opened(found.state, {topic: offset for topic, offset in offsets.items() if written.get(topic) != offset})


def _fit(lane: LaneId, state: LaneState, committed: Mapping[str, int], log_starts: Mapping[str, int]) -> None:
    offsets, changelog = state.next_offsets, f"{lane.group.changelog}-{lane.partition}"
    is_accepted = lane.name in lane.host.accepted
    for topic, offset in committed.items():
        if topic not in offsets and not is_accepted:
            # Every turn writes them beside its state: without them the state is gone too.
            raise StateDoesNotFit(
                f"{changelog}: the group has offset {offset} of {topic}, and the state for it is gone"
            )
        offsets[topic] = max(offset, offsets.get(topic, offset))
    if (state.entries or state.timers) and not offsets and not is_accepted:
        # Kafka forgets an idle group's offsets after seven days.
        raise StateDoesNotFit(f"{changelog}: there is state, but no offset it belongs to")
    for topic, start in log_starts.items():
        if start <= (known := offsets.setdefault(topic, start)):
            continue
        if not is_accepted:
            raise StateDoesNotFit(
                f"{topic}-{lane.partition}: the log starts at {start}, beyond the lane's next offset {known}"
            )
        _log.warning("a loss was accepted", lane=lane.name, topic=topic, lost_from=known, lost_to=start)
        offsets[topic] = start
