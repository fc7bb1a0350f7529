"""An exercise on its way through a deployment of simulated agencies, beside the real disclosure of the same id."""

import json
from typing import Any

import httpx2
import pytest

from schemas.vocabulary import Service
from streams.domain.ids import decision_id, notification_id, report_id, sender_of
from tests.disclosures import id_of, raw
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

SUBJECT = {"account": "forum:50505", "phone": "+447700900505", "age": 16}
CONTACT = {"channels": ["sms"], "preferred": "sms", "safe_to_contact": True}


def test_it_is_carried_as_such_to_the_simulated_agency_and_apart_from_the_real_disclosure(
    deployment: Deployment,
) -> None:
    with httpx2.Client(trust_env=False, timeout=30) as client:
        for exercise in (True, False):
            body = raw("drilled", subject=SUBJECT, contact=CONTACT, exercise=exercise)
            assert client.post(f"{deployment.gateway}/v1/disclosures", content=body).status_code == 202
    decided = {
        exercise: decision_id(sender_of(Service.FORUM, exercise=exercise), id_of("drilled"))
        for exercise in (True, False)
    }
    reports = {exercise: report_id(decision, "999") for exercise, decision in decided.items()}
    notices = {exercise: notification_id(report) for exercise, report in reports.items()}
    deployment.wait_for(
        "both acknowledgements", lambda account: set(reports.values()) <= account.acknowledged_at.keys()
    )
    deployment.wait_for("both notices", lambda account: set(notices.values()) <= account.settled.keys())
    account = deployment.account
    requests: list[dict[str, Any]] = [
        json.loads(line) for line in (deployment.folder / "agencies" / "999.jsonl").read_text().splitlines()
    ]
    for exercise in (True, False):
        decision, report = account.decisions[decided[exercise]], reports[exercise]
        assert (decision["outcome"], decision["exercise"]) == ("emergency", exercise)
        assert account.reports[report]["exercise"] is exercise
        assert account.settled[notices[exercise]]["exercise"] is exercise
        assert {each["exercise"] for each in account.deliveries if each["report_id"] == report} == {exercise}
        assert {each["body"]["exercise"] for each in requests if each["report_id"] == report} == {exercise}
    assert len({account.decisions[each]["person"] for each in decided.values()}) == 2
