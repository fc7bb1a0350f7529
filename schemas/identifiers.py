"""One type for each kind of identifier, so that mypy finds an id that is used as an id of another kind."""

from typing import NewType

DisclosureId = NewType("DisclosureId", str)
PersonId = NewType("PersonId", str)
DecisionId = NewType("DecisionId", str)
ReportId = NewType("ReportId", str)
ReviewId = NewType("ReviewId", str)
NotificationId = NewType("NotificationId", str)
KeyId = NewType("KeyId", str)
Token = NewType("Token", str)
