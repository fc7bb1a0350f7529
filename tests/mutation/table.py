"""The mutation table: every rule of the runtime's design, by the part of it that holds them."""

from tests.mutation import (
    agencies,
    alarms,
    connectors,
    followed,
    hand_over,
    keys,
    lanes,
    opening,
    poison,
    records,
    staff,
    transport,
    turns,
    unpacking,
)
from tests.mutation.row import Row

ROWS: tuple[Row, ...] = (
    *lanes.ROWS,
    *opening.ROWS,
    *turns.ROWS,
    *poison.ROWS,
    *transport.ROWS,
    *records.ROWS,
    *unpacking.ROWS,
    *connectors.ROWS,
    *agencies.ROWS,
    *keys.ROWS,
    *followed.ROWS,
    *staff.ROWS,
    *hand_over.ROWS,
    *alarms.ROWS,
)
