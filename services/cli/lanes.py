"""Options of the verbs that run lanes: `--slot` names the process, `--accept` accepts the loss of a lane."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from services.settings import SettingsError

#: The characters that Kafka allows in the id of a group member, which is the group's name followed by the slot.
_SLOT = re.compile(r"[A-Za-z0-9._-]{1,100}")


def _checked(slot: str | None) -> str | None:
    if slot is not None and not _SLOT.fullmatch(slot):
        raise SettingsError("--slot takes up to 100 letters, digits, dots, dashes and underscores")
    return slot


Slot = Annotated[
    str | None,
    typer.Option(
        callback=_checked,
        help="A name of this process's own, no other's at the time, that stays over restarts; quick ones move no work.",
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LANE",
        help="A lane, such as notifier-2, that was refused because its state and its offsets do not fit: it begins "
        "where its logs do, and what was lost is lost. May be given several times; leave it out at the next start.",
    ),
]


def accepted(lanes: Sequence[str] | None, *groups: str) -> frozenset[str]:
    """Return the lanes that `--accept` names; raise `SettingsError` for a lane of none of these groups."""
    for lane in lanes or ():
        group, _, number = lane.rpartition("-")
        if group not in groups or not re.fullmatch(r"0|[1-9][0-9]{0,5}", number):
            names = " or ".join(f"{name}-N" for name in groups)
            raise SettingsError(f"--accept names a lane of this process: {names}, N being the partition")
    return frozenset(lanes or ())
