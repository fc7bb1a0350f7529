"""What is known of a notice whose record cannot be read: ids by the record's place, and its person where it has one."""

import re
from dataclasses import dataclass
from typing import Self

from schemas.records import ServiceDisclosure
from streams.domain.ids import rejected_notice_id, rejected_report_id
from streams.runtime import Record

#: The person of a notice that cannot be read.
NO_PERSON = ""
#: Ids of ours are UUIDs. Text of another form might be anything, a person's name too.
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class UnknownNotice:
    """A notice that cannot be read."""

    notification_id: str
    report_id: str
    person: str
    disclosures: tuple[ServiceDisclosure, ...] = ()

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return what the record's place and key say."""
        place = record.topic, record.partition, record.offset
        person = (record.key or b"").decode("ascii", "replace")
        return cls(
            notification_id=rejected_notice_id(*place),
            report_id=rejected_report_id(*place),
            person=person if _ID.fullmatch(person) else NO_PERSON,
        )
