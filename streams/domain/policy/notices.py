"""Whether and how the person gets a notice that they were reported (TELL-1)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from schemas.disclosure import ReadableDisclosure
from schemas.records import Notify
from schemas.vocabulary import ContactChannel, NoticeStands, WithheldBecause

#: Without a report no notice is due.
NOT_DUE = Notify(due=False)
_S = NoticeStands
#: Each state outweighs those before it. An agency that acknowledged a report has it, even if staff withdrew it.
_RANK = (_S.TELLING, _S.NOT_TOLD, _S.MAYBE_TOLD, _S.ALREADY_TOLD, _S.TOLD)
_NONE_UNSAFE: frozenset[ContactChannel] = frozenset()


def notify(
    disclosed: ReadableDisclosure, reported: bool, unsafe_channels: frozenset[ContactChannel] = _NONE_UNSAFE
) -> Notify:
    """Return the notice: due if the person is reported, by the safe channels with the preferred first, else withheld.

    `unsafe_channels` were marked unsafe by earlier disclosures. If it is unknown whether contact is safe, the notice is
    not withheld.
    """
    if not reported:
        return NOT_DUE
    contact = disclosed.contact
    return _notify(contact.channels, contact.preferred, contact.safe_to_contact is False, unsafe_channels)


def outweighs(stands: NoticeStands, other: NoticeStands) -> bool:
    """Return whether the notice of one state of a report replaces that of the other."""
    return _RANK.index(stands) > _RANK.index(other)


def narrowed(notice: Mapping[str, Any], unsafe_channels: frozenset[ContactChannel]) -> dict[str, Any]:
    """Return the fields of a `NotificationDue` without the channels that are unsafe now; withheld if none is left."""
    safe = [channel for channel in notice["channels"] if channel not in unsafe_channels]
    if len(safe) == len(notice["channels"]):
        return dict(notice)
    withheld = notice["withheld_because"] if safe else WithheldBecause.NOT_SAFE_TO_CONTACT.value
    return {**notice, "channels": safe, "withheld_because": withheld}


@lru_cache(maxsize=1024)
def _notify(
    channels: tuple[ContactChannel, ...],
    preferred: ContactChannel | None,
    unsafe: bool,
    unsafe_channels: frozenset[ContactChannel],
) -> Notify:
    ordered = _preferred_first(channels, preferred)
    if not ordered:
        return Notify(due=True, withheld_because=WithheldBecause.NO_CHANNEL)
    safe = () if unsafe else tuple(channel for channel in ordered if channel not in unsafe_channels)
    if not safe:
        # A channel exists, but another person may read it: the notice is deferred. NO_CHANNEL would mean unreachable.
        return Notify(due=True, withheld_because=WithheldBecause.NOT_SAFE_TO_CONTACT)
    return Notify(due=True, by=safe)


def _preferred_first(
    channels: tuple[ContactChannel, ...], preferred: ContactChannel | None
) -> tuple[ContactChannel, ...]:
    first = () if preferred is None else (preferred,)
    return tuple(dict.fromkeys((*first, *channels)))
