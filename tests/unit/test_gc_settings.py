"""What the cycle collector still does once it is told to leave alone what was there."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.runtime.gc_settings import freeze_gc_at_startup


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


class Knot:
    """Refers to itself: nothing but the collector frees it."""

    def __init__(self) -> None:
        self.me = self


def test_it_no_longer_walks_through_what_was_imported() -> None:
    before = len(gc.get_objects())
    freeze_gc_at_startup()
    assert len(gc.get_objects()) < before / 10


def test_it_still_frees_what_refers_to_itself() -> None:
    freeze_gc_at_startup()
    gone: list[object] = []
    knot = Knot()
    weakref.finalize(knot, gone.append, "knot")
    del knot
    assert gone == []
    # As many as make it run by itself; each is kept, as what is made in a turn is.
    kept = [[n] for n in range(gc.get_threshold()[0] + 1_000)]
    assert (gone, len(kept)) == (["knot"], gc.get_threshold()[0] + 1_000)
