"""Each agency took each report once, and a request is marked as a possible repeat where it may be one, only there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from tests.chaos.taken import Fields, Taken


def requests(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield what is wrong with the requests that reached an agency."""
    attempts = taken.attempts()
    for (agency, id_), lines in taken.accepted().items():
        name = f"report {id_} to {agency}"
        plain = [line for line in lines if not line["possible_repeat"]]
        if len(plain) > 1:
            yield f"{name} was taken {len(plain)} times without being marked as a possible repeat"
        if len(lines) > 1 and agency is not taken.forgetful:
            yield f"{name} was taken {len(lines)} times by an agency that recognises what it has"
        counts["reports taken twice"] += len(lines) > 1
    arrived = taken.arrived()
    for agency, seen in taken.logs.items():
        for line in seen:
            id_ = line["report_id"]
            counts["possible repeats"] += line["possible_repeat"]
            begun = _begun(attempts.get(id_, ()), line)
            for fault in _marked_wrongly(line, begun, arrived.get(id_)):
                yield f"report {id_} to {agency}, attempt {line['attempt']}, {fault}"


def _begun(attempts: Sequence[Fields], line: Fields) -> list[Fields]:
    """Return the attempts of the report that were on record when the request came; the last is not always its own."""
    at = datetime.fromisoformat(line["at"])
    return [attempt for attempt in attempts if attempt["changed_at"] <= at]


def _marked_wrongly(line: Fields, begun: Sequence[Fields], arrived: datetime | None) -> Iterator[str]:
    # Numbers begin anew where a report is sent again after its end: the latest attempt of the number is meant.
    own = max((each["changed_at"] for each in begun if each["attempt"] == line["attempt"]), default=None)
    if own is None:
        yield "came without being on record"
    elif not line["possible_repeat"]:
        # A request that a frozen process sends late was begun before, and could not know of the others.
        if arrived is not None and arrived < own:
            yield "is not marked, and the agency had the report before it was begun"
    elif len(begun) == 1:
        # An attempt that was begun is a true reason, whether it arrived or not: of that neither logs nor topics have
        # a proof, since the sender may have been killed before the request left. So only the first one is judged.
        yield "is marked, and it is the first that was begun"
