"""The notice to the person (TELL-1): when it is due, by which channels, and when it is withheld."""

from typing import Any

import pytest

from schemas.vocabulary import ContactChannel, WithheldBecause
from streams.domain.policy.notices import notify
from tests.readable_ids import readable_id
from tests.unit.policy_cases import disclosure

SMS, EMAIL, MESSAGE = ContactChannel.SMS, ContactChannel.EMAIL, ContactChannel.DIRECT_MESSAGE
BOTH: dict[str, Any] = {"channels": ["sms", "email"]}
UNSAFE, NO_CHANNEL = WithheldBecause.NOT_SAFE_TO_CONTACT, WithheldBecause.NO_CHANNEL


@pytest.mark.parametrize(
    ("contact", "marked", "by", "withheld"),
    [
        (BOTH, (), (SMS, EMAIL), None),
        (BOTH | {"preferred": "email"}, (), (EMAIL, SMS), None),
        (BOTH | {"preferred": "direct_message"}, (), (MESSAGE, SMS, EMAIL), None),
        ({"channels": ["sms", "sms"]}, (), (SMS,), None),
        (BOTH | {"safe_to_contact": True}, (), (SMS, EMAIL), None),
        (BOTH | {"safe_to_contact": None}, (), (SMS, EMAIL), None),
        (BOTH | {"safe_to_contact": False}, (), (), UNSAFE),
        (BOTH | {"preferred": "direct_message", "safe_to_contact": False}, (), (), UNSAFE),
        (BOTH, (SMS,), (EMAIL,), None),
        (BOTH | {"preferred": "sms", "safe_to_contact": True}, (SMS,), (EMAIL,), None),
        (BOTH, (SMS, EMAIL), (), UNSAFE),
        ({}, (), (), NO_CHANNEL),
        ({"safe_to_contact": False}, (), (), NO_CHANNEL),
    ],
    ids=readable_id,
)
def test_tell_1_the_notice_of_a_reported_person(
    contact: dict[str, Any],
    marked: tuple[ContactChannel, ...],
    by: tuple[ContactChannel, ...],
    withheld: WithheldBecause | None,
) -> None:
    notice = notify(disclosure(contact=contact), reported=True, unsafe_channels=frozenset(marked))

    assert (notice.due, notice.by, notice.withheld_because) == (True, by, withheld)


@pytest.mark.parametrize("contact", [BOTH, {}, BOTH | {"safe_to_contact": False}], ids=readable_id)
def test_tell_1_no_notice_is_due_without_a_report(contact: dict[str, Any]) -> None:
    notice = notify(disclosure(contact=contact), reported=False)

    assert (notice.due, notice.by, notice.withheld_because) == (False, (), None)
