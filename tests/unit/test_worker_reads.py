"""The class with which a process of lanes reads fetched records, seen from inside a process that has just begun."""

import subprocess
import sys

#: A worker that ends before it connects, and prints the class that reads the records of its consumers.
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
