"""The arithmetic of the benchmark: a reader could not notice a wrong ratio."""

from collections import defaultdict

import pytest

from schemas.codec import decode
from schemas.partitioner import partition_for
from schemas.topics import CATALOGUE, TopicName
from streams.runtime import Record
from tests.bench.bare import PREFIX, Hosted
from tests.bench.disclosures import disclosures, waiting
from tests.bench.hosting import Agents
from tests.bench.job import BARE, PLAIN, QUIX, WORKER, Peer, Run, Spread, differing, ratios
from tests.bench.stage import PARTITIONS
from tests.bench.watch import Decided
from tests.disclosures import KEYS


def _run(peer: Peer, rate: float, decided: Decided | None = None) -> Run:
    return Run(peer, int(rate * 10), 10.0, 1.0, decided or {})


def test_a_ratio_is_of_neighbouring_runs_whichever_of_them_was_first() -> None:
    runs = [_run(QUIX, 500), _run(WORKER, 1_000), _run(BARE, 2_000), _run(WORKER, 600), _run(PLAIN, 100)]

    assert ratios(runs) == {
        QUIX.name: Spread(2.0, 2.0, 2.0),
        BARE.name: Spread(0.3, 0.4, 0.5),
        PLAIN.name: Spread(6.0, 6.0, 6.0),
    }


def test_runs_that_are_no_neighbours_of_the_worker_give_no_ratio() -> None:
    assert ratios([_run(WORKER, 1_000), _run(PLAIN, 100), _run(QUIX, 500)]).keys() == {PLAIN.name}


def test_decisions_differ_where_any_two_peers_say_otherwise_of_one_disclosure() -> None:
    worker = _run(WORKER, 1, {"a": ("1", "none"), "b": ("2", "none"), "c": ("3", "none")})
    quix = _run(QUIX, 1, {"a": ("1", "none")})
    bare = _run(BARE, 1, {"a": ("1", "none"), "b": ("2", "report"), "c": ("4", "none")})

    assert differing([worker, quix]) == 0
    assert differing([quix, bare, worker]) == 2


@pytest.mark.parametrize("part", [400, 1_600])
def test_any_first_part_of_the_disclosures_has_as_many_new_people(part: int) -> None:
    first = list(disclosures(1_600, seed=5))[:part]

    people = {(disclosure.subject.account or "").partition(":")[2] for disclosure in first}

    assert len(people) == part / 4


def _decided(count: int, together: int) -> dict[str, tuple[str, str]]:
    """Return the decisions of the bare loop, with that many records of a partition in one turn."""
    hosted = Hosted(Agents.of(KEYS, PARTITIONS))
    lying: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for topic, partition, key, value in waiting(disclosures(count, seed=9), PARTITIONS):
        lying[topic, partition].append(Record(topic, partition, 0, 0, key, value, ()))
    decided = {}
    while lying:
        (topic, partition), records = lying.popitem()
        if records[together:]:
            lying[topic, partition] = records[together:]
        outputs = hosted.turn(topic, partition, records[:together])
        hosted.apply_links(outputs)
        for name, given, by, content, headers in outputs:
            to = partition_for(by or b"", CATALOGUE[name].count(PARTITIONS)) if given is None else given
            if PREFIX + name in hosted.topics:
                lying[PREFIX + name, to].append(Record(PREFIX + name, to, 0, 0, by, content, headers))
            elif name == TopicName.DECISIONS and content is not None:
                fields = decode(content, "Decision")[1]
                decided[fields["disclosure_id"]] = fields["decision_id"], fields["outcome"]
    return decided


def test_a_peer_that_takes_one_record_at_a_time_decides_as_one_that_takes_many() -> None:
    one_by_one, together = _decided(200, 1), _decided(200, 500)

    assert len(one_by_one) == 200
    assert together == one_by_one
