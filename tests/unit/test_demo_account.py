"""The demo's account of reports that were handed to a human."""

from typing import Any

from services.cli.demo.account import Account
from tests.reports import report


def taken(*states: str) -> list[str]:
    """Return the faults of one report that its agency accepted, after it went through these states."""
    account = Account()
    made = report()
    account.take("Report", made.model_dump(), 0.0)
    for number, state in enumerate(states):
        fields: dict[str, Any] = {"report_id": made.report_id, "state": state, "reason": f"reason-{number}"}
        account.take("DeliveryChanged", fields, float(number))
    return account.faults({made.agency: [{"report_id": made.report_id, "accepted": True}]})


def test_a_report_that_failed_waits_for_a_human_and_is_named_once_with_its_first_reason() -> None:
    (fault,) = taken("queued", "sent", "failed", "failed", "failed")
    assert "failed (reason-2) and waits for a human" in fault


def test_a_report_that_was_acknowledged_after_it_failed_is_delivered() -> None:
    assert taken("queued", "sent", "failed", "failed", "received", "acknowledged") == []
