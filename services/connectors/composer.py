"""Opens the sealed sections of a report, makes the agency's request of them, and seals it."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.reports import Report, ReportSection
from schemas.sealed import SealedSection
from services.agency_profiles.projection import Projection, without_withheld
from services.connectors.keyring import Keyring, NoKey
from streams.domain.sealing import NONCE_BYTES, CannotOpen, open_bytes, seal_bytes, unseal

#: Reasons for which a report cannot be composed: its key is erased, missing or wrapped by another master key, its
#: section was changed, or it has no section.
KEY_ERASED = NoKey.ERASED.value
KEY_MISSING = NoKey.MISSING.value
KEY_OF_OTHER_MASTER = NoKey.OF_OTHER_MASTER.value
CANNOT_OPEN = "section_cannot_be_opened"
NO_SECTION = "no_section"


@dataclass(frozen=True, slots=True)
class CannotCompose:
    """A request that cannot be composed or opened, with the reason as a code."""

    reason: str


class Composer:
    """Makes an agency's request of a report: opens its sections, applies the agency's projection, seals the result."""

    def __init__(
        self, keyring: Keyring, project: Projection, nonce: Callable[[], bytes] = lambda: os.urandom(NONCE_BYTES)
    ) -> None:
        self._keyring = keyring
        self._project = project
        self._nonce = nonce

    def compose_at_once(self, report: Report) -> ReportSection | CannotCompose | None:
        """Return the result of `compose` without waiting; None if a key is not at hand and may still come."""
        keys = []
        for each in report.sections:
            key = self._keyring.at_hand(each.section.key_id)
            if key is None:
                return None
            if isinstance(key, NoKey):
                return CannotCompose(key.value)
            keys.append(key)
        return self._composed(report, keys)

    async def compose(self, report: Report) -> ReportSection | CannotCompose:
        """Return the request, sealed under the key of the report's newest section.

        Waits while an open transaction may hide a key; the agency's limit bounds the wait.
        """
        keys = []
        for each in report.sections:
            key = await self._keyring.data_key(each.section.key_id)
            if isinstance(key, NoKey):
                return CannotCompose(key.value)
            keys.append(key)
        return self._composed(report, keys)

    def _composed(self, report: Report, keys: Sequence[bytes]) -> ReportSection | CannotCompose:
        if not report.sections:
            return CannotCompose(NO_SECTION)
        try:
            details = [
                unseal(each.section, key=key, disclosure_id=each.disclosure_id)
                for each, key in zip(report.sections, keys, strict=True)
            ]
        except CannotOpen:
            return CannotCompose(CANNOT_OPEN)
        newest = report.sections[-1]
        body = json.dumps(self._project(report, without_withheld(report, details))).encode("ascii")
        sealed = seal_bytes(
            body,
            key=keys[-1],
            key_id=newest.section.key_id,
            nonce=self._nonce(),
            disclosure_id=newest.disclosure_id,
        )
        return ReportSection(disclosure_id=newest.disclosure_id, section=SealedSection.model_validate(sealed))

    def open_at_once(self, request: ReportSection) -> bytes | CannotCompose | None:
        """Return the result of `open` without waiting; None if the key is not at hand."""
        key = self._keyring.at_hand(request.section.key_id)
        return None if key is None else _opened(request, key)

    async def open(self, request: ReportSection) -> bytes | CannotCompose:
        """Return the request in the clear, as it is sent."""
        return _opened(request, await self._keyring.data_key(request.section.key_id))


def _opened(request: ReportSection, key: bytes | NoKey) -> bytes | CannotCompose:
    if isinstance(key, NoKey):
        return CannotCompose(key.value)
    try:
        return open_bytes(request.section, key=key, disclosure_id=request.disclosure_id)
    except CannotOpen:
        return CannotCompose(CANNOT_OPEN)
