"""docker-compose.yml has the processes of the demo, each pinned, with a health check and an existing command."""

import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.broker import KAFKA_VERSION
from infra.broker.configuration import SINGLE_NODE
from infra.broker.probe import free_port
from infra.images.connected import connected
from services.cli.deployment.processes import DEMO_PROCESSES
from services.cli.verbs import load
from tests.brokers import IMAGE

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
ONE_SHOT = {"topics", "keys"}
OURS = set(SERVICES) - {"kafka"}
#: The verbs that run lanes.
LANES = {"worker", "connector", "notifier"}
PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*")


def test_every_process_of_the_demo_is_there_and_nothing_else_runs() -> None:
    assert set(SERVICES) == set(DEMO_PROCESSES) | ONE_SHOT


@pytest.mark.parametrize("name", SERVICES)
def test_its_image_is_pinned(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


def test_the_image_that_ours_is_built_on_is_pinned() -> None:
    (base,) = re.findall(r"^FROM (\S+)$", (ROOT / "infra/images/Containerfile").read_text(), re.MULTILINE)
    assert PINNED.fullmatch(base)
    assert base.startswith("python:3.11.")


def test_kafka_is_the_one_of_the_local_broker_and_of_the_tests() -> None:
    assert SERVICES["kafka"]["image"] == IMAGE == f"apache/kafka:{KAFKA_VERSION}"
    environment = SERVICES["kafka"]["environment"]
    assert {
        "KAFKA_" + name.replace(".", "_").upper(): value for name, value in SINGLE_NODE.items()
    }.items() <= environment.items()


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_it_is_asked_for_its_health_and_started_again(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(OURS - {"topics", "keys", "agencies", "gateway"}))
def test_it_waits_for_topics_and_keys_and_cannot_write_the_keys(name: str) -> None:
    assert set(SERVICES[name]["depends_on"]) == ONE_SHOT
    assert SERVICES[name]["volumes"] == ["keys:/keys:ro"]


def test_the_gateway_has_the_hashes_of_api_keys_and_no_key_that_opens_anything() -> None:
    gateway = SERVICES["gateway"]
    assert gateway["volumes"] == ["credentials:/credentials"]
    assert gateway["environment"]["CONFIDE_CREDENTIALS"] == "/credentials"
    assert "--open" not in gateway["command"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_command_is_one_that_confide_has(name: str) -> None:
    verb, *arguments = SERVICES[name]["command"]
    command = load(verb)
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    # Parses the options like a call, and raises for one that does not exist.
    command.make_context(name, arguments)


@pytest.mark.parametrize("name", [name for name in sorted(OURS) if SERVICES[name]["command"][0] in LANES])
def test_a_process_of_lanes_has_them_back_after_a_quick_restart(name: str) -> None:
    arguments = SERVICES[name]["command"]
    if "entrypoint" in SERVICES[name]:
        *shell, script, called = SERVICES[name]["entrypoint"]
        spoken = script.replace("$$", "$").replace("exec python -m services.cli", "printf '%s\\n'")
        said = subprocess.run([*shell, spoken, called, *arguments], capture_output=True, text=True, check=True)
        assert said.stdout.splitlines() == [*arguments, "--slot", socket.gethostname()]
        arguments = said.stdout.splitlines()
    slot = load(arguments[0]).make_context(name, arguments[1:]).params["slot"]
    # With one name for several processes, each would take the lanes of the others.
    assert slot == ("1" if "deploy" not in SERVICES[name] else socket.gethostname())


def test_two_workers_share_the_work() -> None:
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


def test_a_process_is_healthy_while_it_is_connected_to_kafka() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as kafka:
        port = kafka.getsockname()[1]
        assert not connected(os.getpid(), port)
        with socket.create_connection(("127.0.0.1", port)):
            assert connected(os.getpid(), port)
        assert not connected(os.getpid(), port)
