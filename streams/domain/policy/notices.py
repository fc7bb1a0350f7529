"""Whether and how somebody is told that they were reported (TELL-1)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from schemas.disclosure import ReadableDisclosure
from schemas.records import Notify
from schemas.vocabulary import ContactChannel, NoticeStands, WithheldBecause

#: Nobody is reported, so there is nothing to tell them of.
NOT_DUE = Notify(due=False)
_S = NoticeStands
#: Each outweighs the one before. An agency that acknowledged was told, whatever staff withdrew.
_RANK = (_S.TELLING, _S.NOT_TOLD, _S.MAYBE_TOLD, _S.ALREADY_TOLD, _S.TOLD)
_NONE_UNSAFE: frozenset[ContactChannel] = frozenset()


def notify(
    disclosed: ReadableDisclosure, reported: bool, unsafe_channels: frozenset[ContactChannel] = _NONE_UNSAFE
) -> Notify:
    """Return how the person is told: due when reported, withheld while no way of telling is safe, preferred way first.

    `unsafe_channels` were marked unsafe for this person before and stay so. Not knowing whether contact is safe
    withholds nothing.
    """
    if not reported:
        return NOT_DUE
    contact = disclosed.contact
    return _notify(contact.channels, contact.preferred, contact.safe_to_contact is False, unsafe_channels)


def outweighs(stands: NoticeStands, other: NoticeStands) -> bool:
    """Return whether a report that stands so says more than one that stands otherwise."""
    return _RANK.index(stands) > _RANK.index(other)


def narrowed(notice: Mapping[str, Any], unsafe_channels: frozenset[ContactChannel]) -> dict[str, Any]:
    """Return the fields of a `NotificationDue` without channels that are unsafe by now; withheld where none is left."""
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
    ways = _ways(channels, preferred)
    if not ways:
        return Notify(due=True, withheld_because=WithheldBecause.NO_CHANNEL)
    safe = () if unsafe else tuple(way for way in ways if way not in unsafe_channels)
    if not safe:
        # There is a way, and it may be read by whom it must not reach: deferred, which is not the same as unreachable.
        return Notify(due=True, withheld_because=WithheldBecause.NOT_SAFE_TO_CONTACT)
    return Notify(due=True, by=safe)


def _ways(channels: tuple[ContactChannel, ...], preferred: ContactChannel | None) -> tuple[ContactChannel, ...]:
    first = () if preferred is None else (preferred,)
    return tuple(dict.fromkeys((*first, *channels)))
