"""The demo's account of reports that were handed over, and of notices that are not true."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.vocabulary import NoticeSays, NoticeStands, NoticeState
from services.cli.demo.account import Account
from services.cli.demo.feeding import _parsed
from services.cli.demo.notices import acknowledgements, missing_notices, untrue_notices
from services.cli.demo.reading import _disclosure_id
from tests.disclosures import id_of, raw
from tests.reports import report

AT = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def taken(*states: str) -> list[str]:
    """Return the faults of one report that its agency accepted, after these states."""
    account = Account()
    made = report()
    account.take("Report", made.model_dump(), 0.0)
    for number, state in enumerate(states):
        fields: dict[str, Any] = {
            "report_id": made.report_id,
            "state": state,
            "reason": f"reason-{number}",
            "changed_at": AT,
        }
        account.take("DeliveryChanged", fields, float(number))
    return account.faults({made.agency: [{"report_id": made.report_id, "accepted": True}]})


def test_a_report_that_failed_waits_for_a_human_and_is_named_once_with_its_first_reason() -> None:
    (fault,) = taken("queued", "sent", "failed", "failed", "failed")
    assert "failed (reason-2) and waits for a human" in fault


def test_a_report_that_was_acknowledged_after_it_failed_is_delivered() -> None:
    assert taken("queued", "sent", "failed", "failed", "received", "acknowledged") == []


def test_a_line_with_its_id_in_capital_letters_is_that_of_the_decision() -> None:
    line = raw(disclosure_id=id_of("d-1").upper())
    assert _parsed(1, line).disclosure_id == _disclosure_id(line) == id_of("d-1")


def settled(says: NoticeSays | None, at: datetime = AT, **fields: Any) -> dict[str, Any]:
    """Return a settled notice as the demo reads it."""
    return {
        "notification_id": "notice-1",
        "report_id": "report-1",
        "state": NoticeState.TOLD,
        "says": says,
        "settled_at": at.isoformat(),
        **fields,
    }


@pytest.mark.parametrize(
    ("acknowledged", "why"),
    [
        ({}, "which was never acknowledged"),
        ({"report-2": AT}, "which was never acknowledged"),
        ({"report-1": AT + SECOND}, "before it was acknowledged"),
        ({"report-1": AT}, None),
    ],
)
def test_a_notice_says_that_an_agency_was_told_only_once_it_was(
    acknowledged: dict[str, datetime], why: str | None
) -> None:
    wanted = [] if why is None else [f"notice notice-1 says have_told of report report-1, {why}"]
    assert untrue_notices([settled(NoticeSays.HAVE_TOLD)], acknowledged) == wanted
    assert untrue_notices([settled(NoticeSays.ARE_TELLING)], acknowledged) == []


@pytest.mark.parametrize(
    ("acknowledged", "is_true"),
    [({}, True), ({"report-2": AT}, True), ({"report-1": AT + SECOND}, True), ({"report-1": AT}, False)],
)
def test_a_notice_says_that_an_agency_was_not_told_only_while_it_was_not(
    acknowledged: dict[str, datetime], is_true: bool
) -> None:
    wanted = "notice notice-1 says have_not_told of report report-1, after it was acknowledged"
    assert untrue_notices([settled(NoticeSays.HAVE_NOT_TOLD)], acknowledged) == ([] if is_true else [wanted])


def test_a_person_hears_once_that_an_agency_was_told() -> None:
    account = Account()
    ends: list[tuple[str, dict[str, Any]]] = [
        ("notice-1", {}),
        ("notice-2", {}),
        ("notice-3", {"report_id": "report-2"}),
        ("notice-4", {"report_id": "report-2", "state": NoticeState.DEFERRED}),
    ]
    for id_, said in ends:
        account.take("NotificationSettled", settled(NoticeSays.HAVE_TOLD, **{"notification_id": id_, **said}), 0.0)
    for report_id in ("report-1", "report-2"):
        account.deliveries.append({"report_id": report_id, "state": "acknowledged", "changed_at": AT})
    assert account.faults({}) == ["report report-1 has 2 notices that say have_told, not one"]


def test_a_report_is_acknowledged_when_it_first_was_and_by_no_other_state() -> None:
    steps = [("sent", 0), ("failed", 1), ("outcome_known", 4), ("acknowledged", 3)]
    deliveries = [
        {"report_id": "report-1", "state": state, "changed_at": (AT + number * SECOND).isoformat()}
        for state, number in steps
    ]
    assert acknowledgements(deliveries) == {"report-1": AT + 3 * SECOND}
    assert acknowledgements(deliveries[:2]) == {}


@pytest.mark.parametrize(
    ("ends", "missing"),
    [
        ([settled(NoticeSays.ARE_TELLING)], True),
        ([settled(NoticeSays.HAVE_NOT_TOLD)], True),
        ([settled(None, state=NoticeState.WITHDRAWN)], True),
        ([settled(NoticeSays.ARE_TELLING), settled(NoticeSays.HAVE_TOLD)], False),
        ([settled(None, state=NoticeState.DEFERRED)], False),
        ([settled(None, state=NoticeState.UNREACHABLE)], False),
        ([settled(NoticeSays.ARE_TELLING, report_id="report-2")], False),
    ],
    ids=lambda value: None if isinstance(value, bool) else "+".join(end["says"] or end["state"] for end in value),
)
def test_a_person_who_was_told_less_is_told_once_the_report_is_acknowledged(
    ends: list[dict[str, Any]], missing: bool
) -> None:
    wanted = ["report report-1 was acknowledged, and no notice says so yet"] if missing else []
    assert missing_notices(ends, {"report-1": AT}) == wanted


def noticed(*stands: NoticeStands, says: NoticeSays, at: datetime = AT) -> list[str]:
    """Return the faults of an acknowledged report with these records of its notice and this end."""
    account = Account()
    made = report()
    ids = {"notification_id": "notice-1", "report_id": made.report_id, "channels": ["sms"]}
    account.take("Report", made.model_dump(), 0.0)
    for each in stands:
        account.take("NotificationDue", {**ids, "stands": each, "tell_by": (AT + SECOND).isoformat()}, 1.0)
    account.take("DeliveryChanged", {"report_id": made.report_id, "state": "acknowledged", "changed_at": AT}, 2.0)
    account.take("NotificationSettled", settled(says, at, **ids), 3.0)
    return account.faults({made.agency: [{"report_id": made.report_id, "accepted": True}]})


def test_a_notice_is_due_once_for_each_value_of_stands() -> None:
    assert noticed(NoticeStands.TELLING, NoticeStands.TOLD, says=NoticeSays.HAVE_TOLD) == []
    for twice in (NoticeStands.TELLING, NoticeStands.TOLD):
        assert noticed(NoticeStands.TELLING, NoticeStands.TOLD, twice, says=NoticeSays.HAVE_TOLD) == [
            f"NotificationDue notice-1 with the report state {twice} was read 2 times"
        ]


def test_a_notice_is_due_again_without_a_channel_that_was_marked_unsafe() -> None:
    account = Account()
    due = {"notification_id": "notice-1", "report_id": "report-1", "stands": NoticeStands.TOLD, "tell_by": None}
    for channels in (["sms", "thread"], ["thread"]):
        account.take("NotificationDue", {**due, "channels": channels}, 1.0)
    account.take("NotificationSettled", settled(None, state=NoticeState.WITHDRAWN), 3.0)
    assert account.faults({}) == []


def test_a_notice_that_waited_for_tell_by_is_written_again_by_the_notifier() -> None:
    stands = (NoticeStands.TELLING, NoticeStands.TELLING, NoticeStands.TOLD)
    assert noticed(*stands, says=NoticeSays.HAVE_TOLD, at=AT + SECOND) == []


def test_the_account_fails_on_a_notice_that_says_more_than_the_deliveries_and_waits_for_one_that_says_less() -> None:
    (early,) = noticed(NoticeStands.TOLD, says=NoticeSays.HAVE_TOLD, at=AT - SECOND)
    assert early.endswith("before it was acknowledged")
    (open_,) = noticed(NoticeStands.TELLING, says=NoticeSays.ARE_TELLING)
    assert open_.endswith("no notice says so yet")
