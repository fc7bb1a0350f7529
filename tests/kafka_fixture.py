"""Input for the processes of a connector and the notifier: keys, an agency, and records in Kafka."""

import secrets
from datetime import UTC, datetime

from kafka import KafkaProducer

from schemas.codec import encode
from schemas.partitioner import partition_for
from schemas.records import KeyRecord
from schemas.reports import Report
from schemas.topics import TopicName
from streams.domain.sealing import wrap
from tests.agency_servers import AgencyServer
from tests.processes import Processes
from tests.reports import DATA_KEY, KEY_ID, encoded, report, section

PARTITIONS = 4


class KafkaFixture:
    """Writes the data keys and reports of one test to Kafka, and has the agency that receives them."""

    def __init__(self, bootstrap: str, agency: AgencyServer, confide: Processes, master: bytes) -> None:
        self.agency = agency
        self.confide = confide
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
        self._master = master
        self.key(KEY_ID)

    def key(self, key_id: str) -> None:
        """Publish the data key of all sections under that id."""
        wrapped = wrap(DATA_KEY, master=self._master, key_id=key_id, nonce=bytes(12))
        record = KeyRecord(key_id=key_id, person="person-1", wrapped_key=wrapped)
        self.write(TopicName.KEYS, key_id.encode(), encode("KeyRecord", record.model_dump()))

    def write(
        self, topic: str, key: bytes, value: bytes | None, traceparent: bytes | None = None, entry: bytes | None = None
    ) -> None:
        """Write a record to the partition of `key`, under that key or as the `entry` of a lane's state."""
        headers = [] if traceparent is None else [("traceparent", traceparent)]
        partition = partition_for(key, PARTITIONS)
        self._producer.send(str(topic), value, entry or key, headers=headers, partition=partition).get(20)

    def report(self, number: int, traceparent: bytes | None = None, key_id: str = KEY_ID) -> Report:
        disclosure_id = f"{self.run}-{number}"
        sections = (section(disclosure_id, key_id=key_id),)
        made = report(
            disclosure_id=disclosure_id, person=f"person-{number}", sections=sections, reported_at=datetime.now(UTC)
        )
        self.write(TopicName.REPORTS_999, f"person-{number}".encode(), encoded(made), traceparent)
        return made

    def close(self) -> None:
        self._producer.close()

    #: Part of each report's id. The group may have left reports of another test unread; those have another part.
    run = secrets.token_hex(4)
