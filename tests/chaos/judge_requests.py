"""Judges requests: an agency accepts a report once; a request is marked as a possible repeat only if it may be one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from tests.chaos.taken import ACKNOWLEDGED, Fields, Taken


def requests(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of requests that reached an agency."""
    attempts = taken.attempts()
    for (agency, id_), lines in taken.accepted().items():
        name = f"report {id_} to {agency}"
        plain = [line for line in lines if not line["possible_repeat"]]
        if len(plain) > 1:
            yield f"{name} was accepted {len(plain)} times without being marked as a possible repeat"
        if len(lines) > 1 and agency is not taken.forgetful:
            yield f"{name} was accepted {len(lines)} times by an agency that recognises what it has"
        counts["reports taken twice"] += len(lines) > 1
    yield from _after_acknowledgement(taken)
    arrived = taken.arrived()
    for agency, seen in taken.logs.items():
        for line in seen:
            id_ = line["report_id"]
            counts["possible repeats"] += line["possible_repeat"]
            begun = _begun(attempts.get(id_, ()), line)
            for fault in _marked_wrongly(line, begun, arrived.get(id_)):
                yield f"report {id_} to {agency}, attempt {line['attempt']}, {fault}"


def _after_acknowledgement(taken: Taken) -> Iterator[str]:
    acknowledged: set[tuple[str, int]] = set()
    for step in taken.steps():
        sending = step["report_id"], step["generation"]
        if step["state"] in ACKNOWLEDGED:
            acknowledged.add(sending)
        elif step["request"] is not None and sending in acknowledged:
            yield f"report {sending[0]}, generation {sending[1]}, was sent again after its acknowledgement was recorded"


def _begun(attempts: Sequence[Fields], line: Fields) -> list[Fields]:
    """Return the attempts of the report that were recorded before the request came; the last may be another attempt."""
    at = datetime.fromisoformat(line["at"])
    return [attempt for attempt in attempts if attempt["changed_at"] <= at]


def _marked_wrongly(line: Fields, begun: Sequence[Fields], arrived: datetime | None) -> Iterator[str]:
    # A report that is sent again after its end counts its attempts from 1 again: take the latest with this number.
    own = max((each["changed_at"] for each in begun if each["attempt"] == line["attempt"]), default=None)
    if own is None:
        yield "came without a recorded attempt"
    elif not line["possible_repeat"]:
        # A frozen process may send late: its attempt began before, and it could not know of other attempts.
        if arrived is not None and arrived < own:
            yield "is not marked, and the agency had the report before it was begun"
    elif len(begun) == 1:
        # An earlier attempt is a valid reason for the mark, even if its request never arrived: logs and topics cannot
        # show that, since the sender may have been killed before it sent. So only the first attempt is judged.
        yield "is marked, and it is the first that was begun"
