"""Judges reports: each is acknowledged or handed over within its limit, and an urgent hand-over raises an alarm."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from schemas.topics import TopicName, rejected
from schemas.vocabulary import Agency, AlarmKind, DeliveryState, Outcome, ReportKind, ReviewReason
from streams.domain.ids import report_id
from tests.chaos.record import SOURCES
from tests.chaos.taken import ACKNOWLEDGED, Fields, Taken

#: How much later than its limit a report may be handed over (seconds).
SLACK_SECONDS = 10.0


def reports(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of reports. Each generation of a report has its own limit."""
    made, accepted, acknowledged = taken.made(), taken.accepted(), taken.acknowledged()
    yield from _unreported(taken, made)
    handed_over = _handed_over(taken)
    for id_, sendings in made.items():
        agency = Agency(sendings[0]["agency"])
        name = f"report {id_} to {agency}"
        if id_ in acknowledged and not accepted.get((agency, id_)):
            yield f"{name} is acknowledged, and the agency never accepted it"
        times = Counter(each["generation"] for each in sendings)
        yield from (f"{name}, generation {number}, was made {n} times" for number, n in times.items() if n > 1)
        if times.keys() != set(range(1, len(times) + 1)):
            yield f"{name} has generations {sorted(times)}"
        for sending in sendings:
            number = sending["generation"]
            # A hand-over of a later generation includes this one.
            ends = [at for later, at in handed_over.get(id_, ()) if later >= number]
            ends += [acknowledged[id_]] if id_ in acknowledged else []
            yield from _late(taken, f"{name}, generation {number},", sending, min(ends, default=None), counts)
        counts["reports"] += 1
        counts["reports sent again"] += len(times) > 1
        counts["reports handed over"] += id_ in handed_over
        counts["reports acknowledged"] += id_ in acknowledged
    yield from _several_references(taken)
    yield from _acknowledged_again(taken)
    for agency, id_ in accepted:
        if id_ not in made or made[id_][0]["agency"] != agency:
            yield f"report {id_} was accepted by {agency}, and never made for it"


def alarmed(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield each urgent hand-over without an alarm, and each alarm whose last call is wrong.

    At the end every lane works and every agency takes reports. No work was put aside, and no clock was set.
    """
    raised = {cause for what, cause in taken.alarms if what == "alarm"}
    last = {cause: what for what, cause in taken.alarms}
    written = {each.fields["cause"]: each.fields["state"] for each in taken.record.on(TopicName.ALARMS)}
    settled = {each["review_id"] for each in taken.reviews_settled()}
    for review in taken.reviews_asked(ReviewReason.UNDELIVERED):
        if review["undelivered"]["agency"] != Agency.EMERGENCY_999 or review["escalation"]:
            continue
        cause, is_settled = f"review/{review['review_id']}", review["review_id"] in settled
        if cause not in raised and not is_settled:
            yield f"{cause} waits for staff, and no alarm was raised"
        elif cause in raised and (last[cause] == "all-clear") != is_settled:
            yield f"{cause}: the last call says {last[cause]}, and the topic {written.get(cause, 'nothing')}"
    for cause in sorted(raised):
        kind = cause.partition("/")[0]
        if kind in (AlarmKind.FAILING, AlarmKind.CLOCK):
            yield f"{cause}: an alarm was raised that nothing in the run explains"
        elif kind in (AlarmKind.LANE, AlarmKind.BREAKER) and last[cause] != "all-clear":
            yield f"{cause}: the last call says {last[cause]}, and all is well"
    counts["alarms"] = len(raised)


def put_aside(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield each record that was rejected or put aside, apart from what ADMIT rejects and the outcomes of staff.

    `judge_disclosures` has what ADMIT rejects. An outcome of a review that was settled meanwhile is rejected.
    """
    sources = {rejected(topic) for topic in SOURCES}
    for came in taken.record.rejected():
        if came.topic in sources and came.headers.get("rejected-by") == b"admit":
            continue
        if came.topic == rejected(TopicName.REVIEW_OUTCOMES):
            counts["outcomes rejected"] += 1
            continue
        error = came.headers.get("rejected-error", b"").decode("ascii", "replace")
        yield f"{came.topic} has a record that was rejected or put aside ({error})"


def _several_references(taken: Taken) -> Iterator[str]:
    """Yield each report whose recorded reference changed: the first one stands, whatever the agency answers later."""
    references: dict[str, set[str]] = defaultdict(set)
    for step in taken.steps():
        if step["state"] in ACKNOWLEDGED and step["reference"] is not None:
            references[step["report_id"]].add(step["reference"])
    for id_, given in references.items():
        if len(given) > 1:
            yield f"report {id_} was acknowledged with {len(given)} references"


def _acknowledged_again(taken: Taken) -> Iterator[str]:
    """Yield each report with several acknowledgements: the first one ends all its sendings."""
    recorded = Counter(step["report_id"] for step in taken.steps() if step["state"] == DeliveryState.ACKNOWLEDGED)
    yield from (f"report {id_} was acknowledged {many} times" for id_, many in recorded.items() if many > 1)


def _handed_over(taken: Taken) -> dict[str, list[tuple[int, datetime]]]:
    """Return the handed-over generations of each report, with the times."""
    found: dict[str, list[tuple[int, datetime]]] = defaultdict(list)
    for review in taken.reviews_asked(ReviewReason.UNDELIVERED):
        about = review["undelivered"]
        found[about["report_id"]].append((about["generation"], review["requested_at"]))
    return found


def _unreported(taken: Taken, made: Mapping[str, Sequence[Fields]]) -> Iterator[str]:
    tells: dict[str, set[str]] = defaultdict(set)
    for each in taken.record.on(TopicName.DECISIONS, "Decision"):
        if each.fields["outcome"] in (Outcome.EMERGENCY, Outcome.REFER):
            tells[each.fields["decision_id"]] = {entry["agency"] for entry in each.fields["agencies"]}
    for decision in taken.first_decisions():
        for agency in tells.get(decision["decision_id"], ()):
            if report_id(decision["decision_id"], agency) not in made:
                yield f"decision {decision['decision_id']} names {agency}, and there is no report"
    for id_, (report, *_) in made.items():
        if report["kind"] == ReportKind.NEW and report["agency"] not in tells[report["decision_id"]]:
            yield f"report {id_} rests on no decision that names its agency"


def _late(taken: Taken, name: str, sending: Fields, ended: datetime | None, counts: Counter[str]) -> Iterator[str]:
    if ended is None:
        yield f"{name} is neither acknowledged nor handed over"
        return
    since = sending["again_at"] or sending["reported_at"]
    limit = since + timedelta(seconds=taken.limit_seconds)
    late = (ended - limit).total_seconds() - taken.absences.seconds(since, ended)
    counts["reports that waited for a lane that moved"] += late > SLACK_SECONDS
    late -= taken.absences.moving_seconds(since, ended)
    if late > SLACK_SECONDS:
        yield f"{name} was neither acknowledged nor handed over for {late:.1f} s after its limit"
