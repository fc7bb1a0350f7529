"""Notices that are due, as their topic and as a channel has them, and those in a file of notices."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.notifications import NotificationDue, ServiceDisclosure
from schemas.policy import load_policy
from schemas.vocabulary import Agency, ContactChannel, NoticeSays, NoticeStands, Service
from services.notifier.notice import Notice, compose

POLICY = load_policy()


def due(number: int = 1, **fields: Any) -> NotificationDue:
    """Return a notice that is due, with a number in its ids."""
    made: dict[str, Any] = {
        "notification_id": f"notice-{number}",
        "report_id": f"report-{number}",
        "person": "person-1",
        "disclosures": (ServiceDisclosure(service=Service.FORUM, disclosure_id="disclosure-1"),),
        "agency": Agency.SOCIAL_WORKER,
        "clauses": ("LT-2",),
        "channels": (ContactChannel.DIRECT_MESSAGE, ContactChannel.SMS),
        "due_at": datetime(2026, 2, 3, 21, 10, tzinfo=UTC),
        "stands": NoticeStands.TOLD,
        "tell_by": datetime(2026, 2, 3, 21, 20, tzinfo=UTC),
        **fields,
    }
    return NotificationDue(**made)


def notice(made: NotificationDue) -> Notice:
    """Return the notice that a channel gets once the agency was told."""
    return compose(made, NoticeSays.HAVE_TOLD, POLICY)


def told(path: Path) -> list[dict[str, Any]]:
    """Return the notices in a file of notices."""
    return [json.loads(line) for line in path.read_text().splitlines()]
