"""Settings of a cluster's brokers, compared with those of a single broker."""

from pathlib import Path

from infra.broker.configuration import Member, server_properties
from infra.broker.local import new_cluster_id

DATA = Path("/data")
VOTERS = {1: "127.0.0.1:21", 2: "127.0.0.1:22", 3: "127.0.0.1:23"}


def settings(member: Member | None) -> dict[str, str]:
    lines = server_properties(DATA, 11, 21, member).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_single_broker_keeps_one_copy_and_is_its_own_controller() -> None:
    found = settings(None)
    assert found["process.roles"] == "broker,controller"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:21"
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:11,CONTROLLER://127.0.0.1:21"
    assert found["min.insync.replicas"] == found["default.replication.factor"] == "1"


def test_each_of_three_brokers_keeps_every_copy_and_two_have_what_is_acknowledged() -> None:
    found = settings(Member(1, new_cluster_id(), 3, VOTERS))
    assert found["process.roles"] == "broker,controller"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:21,2@127.0.0.1:22,3@127.0.0.1:23"
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert found[f"{topic}.replication.factor"] == "3"
    assert found["min.insync.replicas"] == found["transaction.state.log.min.isr"] == "2"


def test_a_controller_apart_serves_no_client() -> None:
    voters = {100: "127.0.0.1:21"}
    apart = settings(Member(100, new_cluster_id(), 3, voters, is_broker=False))
    assert apart["process.roles"] == "controller"
    assert apart["listeners"] == "CONTROLLER://127.0.0.1:21"
    assert "advertised.listeners" not in apart
    broker = settings(Member(1, new_cluster_id(), 3, voters))
    assert broker["process.roles"] == "broker"
    assert broker["listeners"] == "PLAINTEXT://127.0.0.1:11"


def test_clients_get_the_address_that_is_advertised() -> None:
    found = settings(Member(2, new_cluster_id(), 3, VOTERS, host="198.18.2.2", advertised="127.0.0.1:99"))
    assert found["listeners"].startswith("PLAINTEXT://198.18.2.2:11,")
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:99"
