"""Opens a lane: fences its predecessor, restores its state, and refuses if state, offsets and logs do not fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from streams.runtime.agent import Output
from streams.runtime.failure import LaneRefused, StateDoesNotFit
from streams.runtime.lane.changelog import Progress, restore
from streams.runtime.lane.extents import Extent
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.log_ends import cut_logs, refused
from streams.runtime.lane.state import ChangelogRecord, LaneState, log_cut_note
from streams.runtime.lane.transaction import TransactionalWriter
from streams.runtime.steps import Step

_log = structlog.get_logger("confide.runtime")


class TransactionHangs(LaneRefused):
    """A transaction on the changelog is open: the state after it cannot be read until the transaction has ended."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The state with which a lane begins to work."""

    #: It has a next offset for every source: the first batch must follow from there too.
    state: LaneState
    #: Next offsets, by topic, that the changelog lacks; the lane writes them before it handles a record.
    unwritten: Mapping[str, int]
    #: Number of partitions of each source.
    partitions: int
    #: Topics that are read again from where their logs ended, because an operator accepted the loss.
    read_again: frozenset[str] = frozenset()
    #: Changelog records for the first transaction: they end the notes on accepted losses.
    notes: list[ChangelogRecord] = field(default_factory=list)


async def open_state(lane: LaneId, writer: TransactionalWriter, report: Callable[[Progress], None]) -> Opened:
    """Start the lane's writer and return the lane's state. Raises `StateDoesNotFit` or `TransactionHangs`.

    The changelog's next offsets count: every turn writes them beside its state, and the group's may be seconds older. A
    topic without a next offset begins at the start of its log. A log that lost its tail is noted in the changelog,
    because the log grows on meanwhile.
    """
    group, partition = lane.group, lane.partition
    await writer.start()
    lane.step(Step.FENCED)
    committed = await writer.committed(group.sources, partition)
    found = await restore(lane.host.bootstrap, group.changelog, partition, group.sources, report)
    lane.step(Step.RESTORED)
    if found.hangs_at is not None:
        # Fencing ends all transactions of the predecessor, with one exception: a transaction that timed out while the
        # broker was away, for which Kafka 4.3 and 4.4 never write an abort marker (decision 0017). Without this
        # refusal, the state after it would seem never to have been written. A slow broker may also take long to write
        # the markers, so the lane tries again.
        raise TransactionHangs(
            f"{group.changelog}-{partition}: a transaction hangs at {found.hangs_at}; see kafka-transactions.sh"
        )
    written = dict(found.state.next_offsets)
    _fit(lane, found.state, committed, found.logs)
    again = await _accepted_cuts(lane, writer, found.state, found.logs)
    _log.info(
        "state is restored",
        lane=lane.name,
        records=found.progress.records,
        seconds=round(found.progress.seconds, 3),
        records_a_second=round(found.progress.rate),
    )
    offsets = found.state.next_offsets
    unwritten = {topic: offset for topic, offset in offsets.items() if written.get(topic) != offset}
    partitions = await writer.partitions_of(group.sources[0])
    return Opened(found.state, unwritten, partitions, again, [log_cut_note(topic, None) for topic in again])


def _fit(lane: LaneId, state: LaneState, committed: Mapping[str, int], logs: Mapping[str, Extent]) -> None:
    offsets, changelog = state.next_offsets, f"{lane.group.changelog}-{lane.partition}"
    is_accepted = lane.name in lane.host.accepted
    for topic, offset in committed.items():
        if topic not in offsets and not is_accepted:
            # Every turn writes its next offsets beside its state. If the offset is gone, the state is gone too.
            raise StateDoesNotFit(
                f"{changelog}: the group has offset {offset} of {topic}, and the state for it is gone"
            )
        if offset > offsets.get(topic, offset) and not is_accepted:
            # The transaction that committed the group's offset wrote it to the changelog too: that record is lost.
            raise StateDoesNotFit(
                f"{changelog}: the group has offset {offset} of {topic}, and the state ends at {offsets[topic]}"
            )
        offsets[topic] = max(offset, offsets.get(topic, offset))
    if (state.entries or state.timers) and not offsets and not is_accepted:
        # Kafka forgets an idle group's offsets after seven days.
        raise StateDoesNotFit(f"{changelog}: there is state, but no offset it belongs to")
    for topic, (start, _) in logs.items():
        if start <= (known := offsets.setdefault(topic, start)):
            continue
        if not is_accepted:
            raise StateDoesNotFit(
                f"{topic}-{lane.partition}: the log starts at {start}, beyond the lane's next offset {known}"
            )
        _log.warning("a loss was accepted", lane=lane.name, topic=topic, lost_from=known, lost_to=start)
        offsets[topic] = start


async def _accepted_cuts(
    lane: LaneId, writer: TransactionalWriter, state: LaneState, logs: Mapping[str, Extent]
) -> frozenset[str]:
    """Refuse logs that lost their tail. If the loss is accepted, begin where they ended, and return their topics."""
    cut = cut_logs(state, logs)
    if not cut:
        return frozenset()
    offsets = state.next_offsets
    if lane.name not in lane.host.accepted:
        if cut != state.cut:
            notes = [log_cut_note(topic, end) for topic, end in cut.items()]
            await writer.deliver([Output(lane.group.changelog, lane.partition, *note) for note in notes], {}, lane.step)
        raise refused(lane, cut, offsets)
    for topic, end in cut.items():
        _log.warning("a loss was accepted", lane=lane.name, topic=topic, lost_from=end, lost_to=offsets[topic])
        offsets[topic] = end
    state.cut.clear()
    return frozenset(cut)
