"""How a process of lanes reads, seen from inside one that has just begun."""

import subprocess
import sys

#: A worker that ends before it is connected, and says which class reads what its consumers fetch.
_BEGINS = """
from aiokafka.consumer import fetcher
from streams.runtime.transport import worker

async def run(config, instance, stopped):
    print(fetcher.PartitionRecords.__name__)
    return 0

worker._run = run
worker.run_worker("reads", [], bootstrap="nowhere:1")
"""


def test_every_consumer_of_a_worker_reads_over_emptied_control_batches() -> None:
    ended = subprocess.run([sys.executable, "-c", _BEGINS], capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "CommittedRecords"), ended.stderr
