"""Judges disclosures: each id is decided once or rejected with its bytes, and each person is one person."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.disclosure import disclosure_key
from schemas.partitioner import partition_for
from schemas.topics import URGENT, TopicName
from schemas.vocabulary import ReviewReason, Service
from streams.domain.ids import decision_id
from tests.chaos.record import SOURCES, Place, ReadRecord
from tests.chaos.taken import Taken

Key = tuple[str, str]


@dataclass(slots=True)
class _OfId:
    """The records under one id of a service: how often each content came to the partition of the id."""

    contents: Counter[bytes] = field(default_factory=Counter)
    #: Where each content came first: topic and offset.
    first: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    #: Contents that came to another partition; ADMIT moves them to the right one.
    elsewhere: set[bytes] = field(default_factory=set)
    rejected: Counter[bytes] = field(default_factory=Counter)


def disclosures(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of ids. Of two contents under one id, the first is decided and a review names both."""
    by_id: dict[Key, _OfId] = defaultdict(_OfId)
    unreadable: list[ReadRecord] = []
    for came in taken.submitted():
        if came.name is None:
            unreadable.append(came)
        else:
            _enter(taken, by_id[_key(came)], came)
    for came in taken.rejected_of(SOURCES):
        if came.name == "Disclosure":
            by_id[_key(came)].rejected[came.value] += 1
    conflicts: dict[str | None, set[str]] = defaultdict(set)
    for review in taken.reviews_asked(ReviewReason.CONFLICTING_ID):
        conflicts[review["decision_id"]].add(review["review_id"])
    decided = {decision["decision_id"] for decision in taken.first_decisions()}
    for (service, id_), one in by_id.items():
        decision = decision_id(Service(service), id_)
        yield from (f"{service} {id_}: {fault}" for fault in _of_id(one, decision in decided, conflicts[decision]))
        counts["ids"] += 1
        counts["repeats"] += one.contents.total() - len(one.contents)
        counts["moved"] += len(one.elsewhere)
        counts["conflicts"] += len(one.rejected)
    wanted = {decision_id(Service(service), id_) for service, id_ in by_id}
    yield from (f"decision {id_} is of no disclosure that was sent" for id_ in decided - wanted)
    made = Counter(each.fields["decision_id"] for each in taken.record.on(TopicName.DECISIONS, "Decision"))
    yield from (f"decision {id_} was made {many} times" for id_, many in made.items() if many > 1)
    counts["unreadable"] = len(unreadable)
    yield from _unkept(taken, unreadable)
    yield from _unasked(taken, unreadable)


def sends(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield each value that was acknowledged and is in no topic of a service."""
    there = {came.value for came in taken.submitted()}
    for lost in taken.acknowledged_sends - there:
        yield f"{len(lost)} bytes: the send was acknowledged, no topic has them"
    counts["sends"] = len(taken.acknowledged_sends)


def persons(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield each person whose disclosures were decided as of several persons, and the opposite."""
    joined: dict[str, str] = {}

    def root(name: str) -> str:
        while joined.setdefault(name, name) != name:
            name = joined[name]
        return name

    first_name: dict[str, str] = {}
    for came in taken.submitted():
        if came.name is None:
            continue
        subject, service = came.fields["subject"], came.fields["service"]
        names = [f"{service}|{subject['account']}"] if subject["account"] else []
        names += [value for value in (subject["phone"], subject["email"]) if value]
        for other in names[1:]:
            joined[root(other)] = root(names[0])
        first_name[decision_id(Service(service), came.fields["disclosure_id"])] = names[0]
    person_of: dict[str, str] = {}
    invented_of: dict[str, str] = {}
    for decision in taken.first_decisions():
        id_, person = decision["decision_id"], decision["person"]
        if id_ not in first_name:
            continue
        invented = root(first_name[id_])
        if person_of.setdefault(invented, person) != person:
            yield f"decision {id_}: its person was decided as of several"
        if invented_of.setdefault(person, invented) != invented:
            yield f"decision {id_}: several persons were decided as of one"
    counts["persons"] = len(invented_of)


def _key(came: ReadRecord) -> Key:
    return came.fields["service"], came.fields["disclosure_id"]


def _enter(taken: Taken, one: _OfId, came: ReadRecord) -> None:
    own = partition_for(disclosure_key(came.fields["disclosure_id"]), taken.partitions)
    if came.partition == own:
        one.contents[came.value] += 1
        one.first.setdefault(came.value, (came.topic, came.offset))
    else:
        one.elsewhere.add(came.value)


def _of_id(one: _OfId, is_decided: bool, reviews: set[str]) -> Iterator[str]:
    if not is_decided:
        yield "has no decision"
    if one.elsewhere - one.contents.keys():
        yield "was in another partition and was not moved"
    # The first content is decided and never rejected; every record of another content is rejected, with all its bytes.
    if (
        len(one.contents) - len(one.rejected) != 1
        or one.rejected - one.contents
        or any(one.rejected[value] != one.contents[value] for value in one.rejected)
    ):
        yield f"has {len(one.contents)} contents, and records of {len(one.rejected)} were rejected"
    yield from _not_the_first(one)
    if len(reviews) != len(one.rejected):
        yield f"has {len(one.rejected)} conflicts and {len(reviews)} reviews of them"


def _not_the_first(one: _OfId) -> Iterator[str]:
    """Yield a content that was rejected although it came before the one that stands. Topics have no common order."""
    for stands in one.contents.keys() - one.rejected.keys():
        topic, offset = one.first[stands]
        if any(
            one.first[value][0] == topic and one.first[value][1] < offset
            for value in one.rejected
            if value in one.first
        ):
            yield "stands with a content that was not the first"


def _unkept(taken: Taken, unreadable: list[ReadRecord]) -> Iterator[str]:
    kept: dict[Place, list[bytes]] = defaultdict(list)
    for came in taken.rejected_of(SOURCES):
        kept[came.rejected_place].append(came.value)
    for came in unreadable:
        if kept[came.place] != [came.value]:
            yield f"unreadable bytes at {came.topic}-{came.partition}, {came.offset} were not kept once as they came"


def _unasked(taken: Taken, unreadable: list[ReadRecord]) -> Iterator[str]:
    """Yield the unreadable bytes of an urgent topic that no review of rejected records has."""
    asked = {
        (record["topic"], record["partition"], record["offset"])
        for review in taken.reviews_asked(ReviewReason.REJECTED)
        for record in review["rejected_records"]
    }
    urgent = [came for came in unreadable if came.topic in URGENT]
    # The same bytes of one service in the same hour may be one question.
    about = {(came.topic, came.value) for came in urgent if came.place in asked}
    for came in urgent:
        if (came.topic, came.value) not in about:
            yield f"nobody is asked about the unreadable bytes at {came.topic}-{came.partition}, {came.offset}"
