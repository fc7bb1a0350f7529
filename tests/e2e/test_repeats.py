"""One id, sent twice: by one service or both, on one topic or both, in the right partition or another."""

import base64
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import pytest
from kafka import KafkaProducer

from schemas.codec import encode
from schemas.disclosure import Disclosure, disclosure_key
from schemas.partitioner import partition_for
from schemas.topics import TopicName, rejected
from schemas.vocabulary import ReviewReason, Service
from services.sdk.addressing import topic_of
from streams.domain.ids import decision_id
from tests.disclosures import disclosure, id_of
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

_PARTITIONS = 4
_SERVICES = ("forum", "text_line")
#: By how many partitions the second of two disclosures lies beside its own.
_PLACES = pytest.mark.parametrize("beside", [0, 1], ids=["in one partition", "in two partitions"])


class Services:
    """The producers of the services, which write to the partitions that a test chooses."""

    def __init__(self, bootstrap: str) -> None:
        self.producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")

    def send(self, *sent: tuple[Disclosure, int], topics: Sequence[str] = ()) -> None:
        """Write disclosures, each to the partition that many after its own, and wait for Kafka.

        `topics` are their topics; by default each goes to its own.
        """
        for (each, beside), topic in zip_longest(sent, topics):
            key = disclosure_key(each.disclosure_id)
            partition = (partition_for(key, _PARTITIONS) + beside) % _PARTITIONS
            value = encode("Disclosure", each.model_dump())
            self.producer.send(str(topic or topic_of(each)), value, key=key, partition=partition)
        self.producer.flush()


@pytest.fixture
def services(deployment: Deployment) -> Iterator[Services]:
    made = Services(deployment.bootstrap)
    yield made
    made.producer.close()


def of(service: str, name: str, person: str, **changes: Any) -> Disclosure:
    """Return an urgent disclosure of a service with that name, about an account with the same name."""
    return disclosure(name, service=service, subject={"account": f"{service}:{person}", "age": 16}, **changes)


def decisions(deployment: Deployment, name: str, count: int) -> list[dict[str, Any]]:
    """Wait for that many decisions on the id of that name, and return them."""

    def found(account: Any) -> list[dict[str, Any]]:
        return [each for each in list(account.decisions.values()) if each["disclosure_id"] == id_of(name)]

    deployment.wait_for(f"{count} decisions", lambda account: len(found(account)) >= count)
    return found(deployment.account)


def passed(deployment: Deployment, services: Services, name: str) -> None:
    """Wait until all earlier records are processed: until a later record of each partition is decided."""
    found: dict[int, str] = {}
    for number in range(100):
        later = f"{name}-later-{number}"
        found.setdefault(partition_for(disclosure_key(id_of(later)), _PARTITIONS), later)
    assert len(found) == _PARTITIONS
    for later in found.values():
        services.send((of("forum", later, later), 0))
    for later in found.values():
        decisions(deployment, later, 1)


def assert_each_service_has_its_own(deployment: Deployment, name: str) -> None:
    made = decisions(deployment, name, 2)
    assert {each["decision_id"] for each in made} == {decision_id(Service(s), id_of(name)) for s in _SERVICES}
    assert len({each["person"] for each in made}) == 2

    def accepted(account: Any) -> bool:
        reports = [r for r in list(account.reports.values()) if r["disclosures"] == [id_of(name)]]
        return len(reports) == 2 and all(r["report_id"] in account.acknowledged_at for r in reports)

    deployment.wait_for("both reports acknowledged", accepted)


@_PLACES
def test_both_services_under_one_id_for_unknown_persons_are_two(
    deployment: Deployment, services: Services, beside: int
) -> None:
    name = f"both-unknown-{beside}"
    services.send((of("forum", name, name), 0), (of("text_line", name, name), beside))
    assert_each_service_has_its_own(deployment, name)


@_PLACES
def test_both_services_under_one_id_for_known_persons_are_two(
    deployment: Deployment, services: Services, beside: int
) -> None:
    name = f"both-known-{beside}"
    for service in _SERVICES:
        services.send((of(service, f"{name}-{service}", name), 0))
        decisions(deployment, f"{name}-{service}", 1)
    services.send((of("forum", name, name), 0), (of("text_line", name, name), beside))
    assert_each_service_has_its_own(deployment, name)


@_PLACES
@pytest.mark.parametrize("known", [False, True], ids=["unknown", "known"])
def test_one_person_of_both_services_under_one_id_is_told_of_by_each(
    deployment: Deployment, services: Services, beside: int, known: bool
) -> None:
    """The services share the person, by an email, and not the id: each disclosure has its own decision."""
    name = f"both-one-person-{beside}-{known}"
    person = {"email": f"{name}@example.org", "age": 16}
    if known:
        services.send((disclosure(f"{name}-before", service="forum", subject=person), 0))
        decisions(deployment, f"{name}-before", 1)
    services.send(*((disclosure(name, service=each, subject=person), beside * (each == "forum")) for each in _SERVICES))
    made = decisions(deployment, name, 2)
    assert {each["decision_id"] for each in made} == {decision_id(Service(s), id_of(name)) for s in _SERVICES}
    assert len({each["person"] for each in made}) == 1


@_PLACES
def test_one_disclosure_twice_at_once_on_both_topics_is_decided_once(
    deployment: Deployment, services: Services, beside: int
) -> None:
    name = f"both-topics-{beside}"
    record = of("forum", name, name)
    services.send(
        (record, 0), (record, beside), topics=(TopicName.FORUM_DISCLOSURES, TopicName.FORUM_DISCLOSURES_URGENT)
    )
    (decision,) = decisions(deployment, name, 1)
    passed(deployment, services, name)
    assert decisions(deployment, name, 1) == [decision]
    assert deployment.account.read[f"Decision {decision['decision_id']}"] == 1
    assert not [each for each in deployment.account.rejected if each["disclosure_id"] == id_of(name)]


@_PLACES
@pytest.mark.parametrize("other", ["routine", "urgent"])
def test_other_content_under_one_id_is_rejected_and_one_review_names_both(
    deployment: Deployment, services: Services, beside: int, other: str
) -> None:
    name = f"conflict-{other}-{beside}"
    first = of("forum", name, name)
    routine = {"concerns": [{"kind": "homelessness", "state": "at_risk"}]}
    second = of("forum", name, f"{name}-else", **(routine if other == "routine" else {}))
    services.send((first, 0))
    (decision,) = decisions(deployment, name, 1)
    # The same changed content twice is one conflict.
    services.send((second, beside), (second, 0))

    def asked(account: Any) -> list[dict[str, Any]]:
        return [
            each
            for each in list(account.reviews.values())
            if each["reason"] == ReviewReason.CONFLICTING_ID and each["disclosure_id"] == id_of(name)
        ]

    def refused(account: Any) -> list[dict[str, Any]]:
        return [each for each in account.rejected if each["disclosure_id"] == id_of(name)]

    deployment.wait_for("the review", asked)
    deployment.wait_for("both records rejected", lambda account: len(refused(account)) >= 2)
    passed(deployment, services, name)
    (review,) = asked(deployment.account)
    assert review["decision_id"] == decision["decision_id"] == decision_id(Service.FORUM, id_of(name))
    assert review["rejected_records"][0]["topic"] == topic_of(second)
    assert review["rejected_records"][0]["conflict"]["topic"] == topic_of(first)
    assert {each["topic"] for each in refused(deployment.account)} == {rejected(topic_of(second))}
    value = base64.b64encode(encode("Disclosure", second.model_dump())).decode()
    assert [each["value"] for each in refused(deployment.account)] == [value] * 2
    assert decisions(deployment, name, 1) == [decision]
