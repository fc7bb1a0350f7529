"""A process whose arguments or settings cannot be says so in one line, and does not begin."""

from pathlib import Path

import pytest

from tests.processes import Processes, processes

pytestmark = pytest.mark.integration


def test_a_connector_without_its_keys_or_with_a_wrong_address_is_one_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with processes({**environment, "CONFIDE_KEYS": str(tmp_path / "nowhere")}, tmp_path) as confide:
        ended = confide.run("connector", "999", "--agency-url", "http://localhost:1")
        assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    with processes(environment, tmp_path) as confide:
        ended = confide.run("connector", "999", "--agency-url", "localhost")
        assert ended.returncode == 2
        assert b"must be a URL" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("worker", "--accept", "notifier-0"), b"decide-N"),
        (("connector", "101", "--agency-url", "http://localhost:1", "--accept", "connector-999-1"), b"connector-101-N"),
        (("worker", "--accept", "decide-77"), b"--accept decide-77: there is no such lane; allowed: decide-0"),
        (("notifier", "--accept", "notifier-77"), b"allowed: notifier-0"),
        (("notifier", "--accept", "notifier-01"), b"notifier-N"),
        (("notifier", "--accept", "notifier"), b"notifier-N"),
        (("notifier", "--slot", "two words"), b"--slot"),
        (("worker", "--slot", ""), b"--slot"),
    ],
)
def test_a_slot_or_a_lane_that_cannot_be_is_one_line(
    confide: Processes, arguments: tuple[str, ...], names: bytes
) -> None:
    ended = confide.run(*arguments)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert names in ended.stderr
