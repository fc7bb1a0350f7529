"""The workers restore the state that the benchmark writes, and resolve its people."""

from collections import defaultdict

from schemas.codec import decode
from schemas.identifiers import Token
from schemas.partitioner import partition_for
from schemas.topics import Group, TopicName, changelog
from streams.app import IdentityLinks
from streams.domain.tokens import tokens_of
from streams.runtime import Record
from streams.runtime.lane.state import LaneState
from tests.bench.disclosures import waiting
from tests.bench.hosting import ADMITTED, Agents, turn_of
from tests.bench.known import disclosures_of_known, records
from tests.bench.stage import PARTITIONS
from tests.disclosures import KEYS

#: More people than patterns, so that every pattern was used for a further person.
_PEOPLE = 600


def _restored() -> tuple[dict[tuple[str, int], LaneState], IdentityLinks]:
    lanes: dict[tuple[str, int], LaneState] = defaultdict(LaneState)
    links = IdentityLinks()
    for outputs in records(KEYS, _PEOPLE):
        for topic, partition, key, value, headers in outputs:
            if topic == TopicName.IDENTITY_LINKS:
                links.apply(key, value)
            elif topic != TopicName.KEYS:
                lanes[topic, partition or 0].apply(key or b"", value, headers)
    return lanes, links


def test_what_is_disclosed_of_known_people_goes_straight_to_the_lane_that_keeps_them() -> None:
    lanes, links = _restored()
    agents = Agents.of(KEYS, PARTITIONS, links)
    seen = set()

    for topic, partition, key, value in waiting(disclosures_of_known(300, _PEOPLE, seed=3), PARTITIONS):
        turn = turn_of(agents.admit, [Record(topic, partition, 0, 0, key, value, ())], {})
        (admitted,) = (output for output in turn.outputs if output.topic != TopicName.KEYS)
        assert admitted.topic in ADMITTED
        assert admitted.key is not None
        seen.add(partition_for(admitted.key, PARTITIONS))
        fields = decode(admitted.value or b"", "Admitted")[1]
        identity = lanes[changelog(Group.IDENTITY), 0].entries
        assert {identity[b"t:" + token.encode()] for token in fields["tokens"]} == {admitted.key}
    assert seen == set(range(PARTITIONS))


def test_each_person_is_known_once_and_by_tokens_of_their_own() -> None:
    lanes, links = _restored()

    identity = lanes[changelog(Group.IDENTITY), 0].entries
    seen = [
        key
        for partition in range(PARTITIONS)
        for key in lanes[changelog(Group.ADMIT), partition].entries
        if key.startswith(b"d:")
    ]
    assert len({person for key, person in identity.items() if key.startswith(b"t:")}) == _PEOPLE
    assert len(seen) == _PEOPLE
    for disclosure in disclosures_of_known(50, _PEOPLE, seed=4):
        owners = {
            links.owner(Token(token)) for token in tokens_of(disclosure, key=KEYS.token, version=KEYS.token_version)
        }
        assert len(owners) == 1
        assert None not in owners
