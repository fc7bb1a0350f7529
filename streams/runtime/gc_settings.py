"""Settings of Python's cycle collector for a process of lanes."""

import gc

#: New objects before the collector searches them for cycles: a turn makes tens of thousands, and hardly any cycle.
_COLLECT_AFTER = 10_000


def freeze_gc_at_startup() -> None:
    """Exclude all objects of now from the collector's searches. Call this once everything is imported.

    Without it the collector searches all modules again and again: that took a third of the agents' working time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
