"""The lines of the demo beside its table: hand-overs at any pace, and a summary whose numbers add up."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from services.cli.demo.account import Account, Sent
from services.cli.demo.view import DemoView, summary

ABOUT = {"report_id": "5f0d2f0e-6b0f", "agency": "101", "failure": "status_422"}
OTHER = {"review_id": "other", "undelivered": None, "reason": "confirmation", "decision_id": "d-1"}
REVIEW = {"review_id": "7d390821-257b", "undelivered": ABOUT, "on_duty": "lead-1", "decision_id": "d-1"}


@pytest.mark.parametrize("paced", [True, False])
def test_a_hand_over_and_its_settling_are_lines_at_any_pace(paced: bool, capsys: pytest.CaptureFixture[str]) -> None:
    account, view = Account(), DemoView(1, paced=paced)
    records: list[tuple[str, dict[str, Any]]] = [
        ("ReviewRequested", {**REVIEW, "escalation": 0}),
        ("ReviewRequested", {**REVIEW, "escalation": 1}),
        ("ReviewRequested", OTHER | {"escalation": 0}),
        ("ReviewSettled", {"review_id": "other", "by": "lead-1", "decision": "confirm"}),
        ("ReviewSettled", {"review_id": REVIEW["review_id"], "by": None, "decision": "acknowledged"}),
    ]
    for name, fields in records:
        account.take(name, fields, 0.0)
        view.record_read(name, fields, account)
    assert capsys.readouterr().out.splitlines() == [
        "hand-over    review 7d390821: report 5f0d2f0e to 101 failed (status_422): lead-1 is asked",
        "settled      review 7d390821: report 5f0d2f0e to 101: the agency: acknowledged",
    ]


def test_the_summary_accounts_for_every_line() -> None:
    account = Account()
    sent = [("d-1", True), ("d-2", True), ("d-1", True), ("d-3", False), (None, False)]
    for line, (disclosure_id, accepted) in enumerate(sent, 1):
        account.enter(Sent(line, disclosure_id, accepted, 0.0))
    written = StringIO()
    summary(Console(file=written, width=200), account, {}, [], seconds=1.0)
    assert "5 lines = 2 accepted + 1 with an id sent before + 2 refused" in written.getvalue()
