"""Python's cycle collector, told what it need not look at."""

import gc

#: New objects before it looks for cycles among them: a turn makes tens of thousands, and hardly a cycle.
_COLLECT_AFTER = 10_000


def freeze_gc_at_startup() -> None:
    """Have the collector leave alone what is there for good: call it once everything is imported.

    Else it walks through all modules again and again, which took a third of the time of the agents' work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
