"""`confide produce` with a real Kafka: it awaits acknowledgements, and rejects a bad line with its field."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.codec import decode
from schemas.topics import MAX_VALUE_BYTES, URGENT, TopicName, disclosures, rejected
from schemas.vocabulary import Service
from services.http_server import listen, port_of
from services.settings import Keys
from tests.cases.table import input_of
from tests.disclosures import BAD_LINES, DAY_LINES, raw
from tests.processes import Processes, processes
from tests.tails import Tail

pytestmark = pytest.mark.integration
OWN = [disclosures(service, urgent) for service in Service for urgent in (True, False)]
At = Callable[[str], Processes]


@pytest.fixture
def confide_at(tmp_path: Path) -> Iterator[At]:
    Keys.create(tmp_path / "keys")
    opened = []

    def at(bootstrap: str) -> Processes:
        environment = {"KAFKA_BOOTSTRAP": bootstrap, "CONFIDE_KEYS": str(tmp_path / "keys")}
        opened.append(processes(environment, tmp_path))
        return opened[-1].__enter__()

    yield at
    for each in opened:
        each.__exit__(None, None, None)


def test_a_day_is_sent_in_order_and_acknowledged(confide_at: At, bootstrap: str, tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(b"\n\n".join(DAY_LINES))
    with Tail(bootstrap, *OWN) as tail:
        ended = confide_at(bootstrap).run("produce", str(file))
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"65 acknowledged, 0 rejected\n", b"")
        records = tail.take(65)
    values = [decode(record.value, "Disclosure")[1] for record in records]
    assert len({value["disclosure_id"] for value in values}) == 62
    assert [value["service"].replace("_", "-") for value in values] == [r.topic.split(".")[0] for r in records]
    assert all(dict(record.headers)["traceparent"] for record in records)


def test_a_bad_line_is_an_error_with_its_number_is_kept_and_the_rest_goes_on(confide_at: At, bootstrap: str) -> None:
    lines = [raw("d-first"), *BAD_LINES, raw("d-last")]
    with Tail(bootstrap, *OWN) as sent:
        ended = confide_at(bootstrap).run("produce", "-", given=b"\n".join(lines))
        assert (ended.returncode, ended.stdout) == (1, b"2 acknowledged, 8 rejected\n")
        records = sent.take(10)
    errors = ended.stderr.decode().splitlines()
    assert [error.split(":")[0] for error in errors] == [f"line {number}" for number in range(2, 10)]
    assert errors[1] == "line 3: disclosure_id: is required"
    assert b"07700" not in ended.stderr
    # As they came, onto the urgent topics: ADMIT rejects them there and asks a person.
    assert {record.value for record in records} > set(BAD_LINES)
    assert {record.topic for record in records if record.value in BAD_LINES} <= URGENT


@pytest.mark.parametrize("case", ["B15"])
def test_a_file_of_another_format_is_one_error_and_sends_nothing(confide_at: At, bootstrap: str, case: str) -> None:
    pretty = input_of(case).read_bytes()
    with Tail(bootstrap, *OWN, *map(rejected, OWN)) as sent:
        ended = confide_at(bootstrap).run("produce", "-", given=pretty)
        assert (ended.returncode, ended.stdout) == (2, b"")
        assert ended.stderr.count(b"\n") == 1
        assert b"is not JSON lines; allowed: one disclosure on each line" in ended.stderr
        assert sent.take(1, seconds=2) == []


def test_a_line_that_names_no_service_goes_to_the_service_of_the_option(confide_at: At, bootstrap: str) -> None:
    with Tail(bootstrap, *OWN) as kept:
        confide_at(bootstrap).run("produce", "-", "--service", "text_line", given=b"\x00\xff\n")
        (record,) = kept.take(1)
    assert record.topic == TopicName.TEXT_LINE_DISCLOSURES_URGENT


def test_a_line_too_large_for_its_topic_is_kept_and_one_too_large_to_keep_is_an_error(
    confide_at: At, bootstrap: str
) -> None:
    large = raw("d-large", summary="x" * 300 * 1024)
    endless = raw("d-endless", summary="x" * (MAX_VALUE_BYTES + 1))
    with Tail(bootstrap, *OWN) as sent, Tail(bootstrap, *map(rejected, OWN)) as kept:
        ended = confide_at(bootstrap).run("produce", "-", given=b"\n".join([large, endless, raw("d-small")]))
        assert ended.stdout == b"1 acknowledged, 2 rejected\n"
        assert [record.value for record in kept.take(2, seconds=2)] == [large]
        # A person is asked about both, with the first part.
        assert len(sent.take(3)) == 3
    assert ended.stderr.decode().splitlines() == [
        f"line {number}: disclosure: is larger than 262144 bytes" for number in (1, 2)
    ]


def test_a_kafka_that_does_not_answer_is_one_line(confide_at: At) -> None:
    with listen("127.0.0.1", 0) as nobody:
        ended = confide_at(f"127.0.0.1:{port_of(nobody)}").run("produce", "-", given=raw())
    assert ended.returncode == 2
    (line,) = ended.stderr.decode().splitlines()
    assert line.startswith("confide: Kafka does not answer")


def test_a_file_that_is_not_there_is_one_line(confide_at: At, bootstrap: str) -> None:
    ended = confide_at(bootstrap).run("produce", "nowhere.jsonl")
    assert (ended.returncode, ended.stderr) == (2, b"confide: cannot read nowhere.jsonl: No such file or directory\n")
