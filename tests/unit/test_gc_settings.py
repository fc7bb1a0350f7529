"""The cycle collector still collects new objects after it excluded those of the start."""

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
    """Refers to itself: only the collector frees it."""

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
    # As many objects as make the collector run by itself. Each is kept, like the objects of a turn.
    kept = [[n] for n in range(gc.get_threshold()[0] + 1_000)]
    assert (gone, len(kept)) == (["knot"], gc.get_threshold()[0] + 1_000)
