"""`make bench`: records a second of one worker doing the whole ADMIT, IDENTITY and DECIDE job, beside plain Faust.

Each run has a Kafka of its own, disclosures waiting in the services' topics, and one process of the peer. Its rate is
taken between the first record that ADMIT wrote and the last decision, by the time stamps of the records. The peers take
turns, and each ratio is of two neighbouring runs, so that a machine that slows down slows both.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra.broker import LONG_LIVED, LocalBroker
from infra.topics import apply
from schemas.codec import encode
from schemas.partitioner import partition_for
from schemas.topics import CATALOGUE, TopicName, rejected
from services.sdk.addressing import message_key, topic_of
from services.settings import Keys
from tests.load import plain_faust
from tests.load.disclosures import disclosures

_PARTITIONS = 4
_PATIENCE_SECONDS = 300.0
_FIRST_WRITTEN = (TopicName.ADMITTED, TopicName.ADMITTED_URGENT, TopicName.IDENTITY, TopicName.IDENTITY_URGENT)


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to do the job: how its process is started, and the prefix of the topics it writes."""

    name: str
    command: tuple[str, ...]
    prefix: str


WORKER = Peer("worker", (sys.executable, "-m", "services.cli", "worker"), "")
PLAIN = Peer("plain Faust", (sys.executable, "-m", "tests.load.plain_faust"), plain_faust.PREFIX)


def rate(peer: Peer, count: int, seed: int) -> float:
    """Return the decisions a second that one process of the peer makes of `count` waiting disclosures."""
    with tempfile.TemporaryDirectory(prefix="confide-bench-") as name:
        folder = Path(name)
        keys = folder / "keys"
        Keys.create(keys)
        with LocalBroker(folder / "kafka", java_options=LONG_LIVED) as broker:
            catalogue = dict(CATALOGUE)
            if peer.prefix:
                own = [replace(t, name=peer.prefix + t.name) for t in CATALOGUE.values() if _is_behind_admit(t.name)]
                catalogue.update({topic.name: topic for topic in own})
            apply(broker.bootstrap, _PARTITIONS, catalogue=catalogue)
            _fill(broker.bootstrap, Keys.load(keys), count, seed)
            environment = {
                **os.environ,
                "KAFKA_BOOTSTRAP": broker.bootstrap,
                "CONFIDE_KEYS": str(keys),
                plain_faust.PARTITIONS_VARIABLE: str(_PARTITIONS),
            }
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen(peer.command, env=environment, stdout=log, stderr=log)
            try:
                seconds = _seconds(broker.bootstrap, peer.prefix, count, process)
            except TimeoutError:
                sys.stderr.write((folder / "log").read_text()[-2_000:])
                raise
            finally:
                process.kill()
                process.wait()
    return count / seconds


def _is_behind_admit(topic: str) -> bool:
    return topic.startswith("safeguarding.") and not topic.endswith((rejected(""), "-changelog.v1"))


def _fill(bootstrap: str, keys: Keys, count: int, seed: int) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20, batch_size=256 * 1024)
    for disclosure in disclosures(count, seed=seed):
        key = message_key(disclosure, keys.service(disclosure.service))
        value = encode("Disclosure", disclosure.model_dump())
        producer.send(str(topic_of(disclosure)), value, key=key, partition=partition_for(key, _PARTITIONS))
    producer.flush()
    producer.close()


def _seconds(bootstrap: str, prefix: str, count: int, process: subprocess.Popen[bytes]) -> float:
    """Return the time between the first record that ADMIT wrote and the last of `count` decisions."""
    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # Seldom and much: the reader must not take the core that is measured.
        fetch_min_bytes=1 << 20,
        fetch_max_wait_ms=1_000,
    )
    try:
        decisions = prefix + TopicName.DECISIONS
        topics = [decisions, *(prefix + name for name in _FIRST_WRITTEN)]
        sources = [TopicPartition(topic, p) for topic in topics for p in consumer.partitions_for_topic(topic)]
        consumer.assign(sources)
        consumer.seek_to_beginning(*sources)
        first, last, seen = float("inf"), 0.0, 0
        until = time.monotonic() + _PATIENCE_SECONDS
        while seen < count:
            if time.monotonic() > until or process.poll() is not None:
                raise TimeoutError(f"{seen} of {count} decisions were made")
            for records in consumer.poll(timeout_ms=1_000, max_records=5_000).values():
                for record in records:
                    if record.topic == decisions:
                        seen += 1
                        last = max(last, record.timestamp)
                    else:
                        first = min(first, record.timestamp)
        if seen != count:
            raise AssertionError(f"{seen} decisions of {count} disclosures")
        return (last - first) / 1_000
    finally:
        consumer.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0 whatever the ratio is, since a benchmark shows and does not judge."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker-records", type=int, default=20_000)
    parser.add_argument("--plain-records", type=int, default=2_000)
    asked = parser.parse_args(arguments)
    ratios = []
    for number in range(1, asked.rounds + 1):
        worker = rate(WORKER, asked.worker_records, seed=number)
        plain = rate(PLAIN, asked.plain_records, seed=number)
        ratios.append(worker / plain)
        print(f"round {number}: worker {worker:,.0f}/s, plain Faust {plain:,.0f}/s, ratio {ratios[-1]:.1f}", flush=True)
    print(
        f"whole job, decisions a second, worker / plain Faust: "
        f"min {min(ratios):.1f}, median {median(ratios):.1f}, max {max(ratios):.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
