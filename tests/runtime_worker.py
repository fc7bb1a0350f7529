"""A worker of simple agents, run by the tests as a real process: `python -m tests.runtime_worker PLAN`.

PLAN is a JSON file (`Plan`). The worker logs as every process of the project does. The part of a record's value before
its first colon names a place at which the agent fails, until a file `mended` is in the plan's folder; with `-once`
after the place it fails the first time only. A file `clock` holds the number of seconds by which the machine's wall
clock is wrong. The worker writes the clock's events to the file `clock-events`.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError

from infra.telemetry import configure, shutdown
from streams.runtime import Agent, Clock, Follower, LaneContext, LaneGroup, run_worker
from streams.runtime.steps import AtStep, Step, ignore_step
from streams.runtime.transport.batching_thread import BatchingThread
from tests.poison_agent import Fragile, FragileState
from tests.runtime_agents import Count, Effects, Waits
from tests.runtime_plan import Plan


def _following(plan: Plan, topic: str) -> Callable[[], AbstractAsyncContextManager[None]]:
    def apply(key: bytes | None, value: bytes | None) -> None:
        plan.fail("follow", (value or b"").decode())

    @asynccontextmanager
    async def follow() -> AsyncIterator[None]:
        follower = Follower(plan.bootstrap, (topic,), apply)
        await follower.start()
        try:
            yield
        finally:
            await follower.stop()

    return follow


def _agent(kind: str, plan: Plan) -> Callable[[LaneContext], Agent[Any, Any, Any]]:
    agents: dict[str, Callable[[Plan], Agent[Any, Any, Any]]] = {
        "count": Count,
        "effects": Effects,
        "fragile": _fragile,
        "waits": Waits,
        "slots": _with_slots,
    }
    return lambda _: agents[kind](plan)


def _fragile(plan: Plan) -> Agent[Any, Any, Any]:
    state = FragileState(plan.output, may_die=True)
    state.may_end.set()
    return Fragile(state)


def _with_slots(plan: Plan) -> Agent[Any, Any, Any]:
    state = FragileState(plan.output, may_die=True, slots=asyncio.Semaphore(100))
    state.may_end.set()
    return Fragile(state)


def _let_fetches_fail(plan: Plan) -> None:
    threads: Any = BatchingThread
    fetch_records = threads._fetch_records

    async def fail_or_fetch(thread: BatchingThread, *args: Any, **kwargs: Any) -> Any:
        if plan.says("fetch-fails"):
            raise LookupError
        return await fetch_records(thread, *args, **kwargs)

    threads._fetch_records = fail_or_fetch


def _let_a_heartbeat_fail(plan: Plan) -> None:
    coordinators: Any = GroupCoordinator
    beat = coordinators._do_heartbeat

    async def fail_once_or_beat(coordinator: Any) -> bool:
        if plan.says("heartbeat-fails") and not plan.says("heartbeat-failed"):
            plan.note("heartbeat-failed", "")
            # As aiokafka does for every answer that it does not expect.
            raise KafkaError
        return bool(await beat(coordinator))

    coordinators._do_heartbeat = fail_once_or_beat


def _let_the_task_of_fetches_end(plan: Plan) -> None:
    fetchers: Any = Fetcher
    actions = fetchers._get_actions_per_node

    def fail_or_act(fetcher: Any, assignment: Any) -> Any:
        if plan.says("fetcher-ends"):
            raise LookupError
        return actions(fetcher, assignment)

    fetchers._get_actions_per_node = fail_or_act


def _killing(plan: Plan) -> AtStep:
    if plan.kill is None:
        return ignore_step
    step, nth = plan.kill
    passed = 0

    def at_step(reached: Step, lane: str) -> None:
        nonlocal passed
        passed += reached == step
        if passed == nth:
            plan.note("killed", f"{step}|{nth}|{lane}")
            os.kill(os.getpid(), signal.SIGKILL)

    return at_step


def main(path: str) -> int:
    """Run the plan until SIGTERM."""
    plan = Plan(**json.loads(Path(path).read_bytes()))
    configure("runtime-worker")
    _let_fetches_fail(plan)
    _let_a_heartbeat_fail(plan)
    _let_the_task_of_fetches_end(plan)
    status = run_worker(
        plan.application,
        [LaneGroup(name, tuple(sources), _agent(kind, plan), log) for name, sources, log, kind in plan.groups],
        bootstrap=plan.bootstrap,
        background=() if plan.follow is None else (_following(plan, plan.follow),),
        instance=plan.instance,
        at_step=_killing(plan),
        accepted=plan.accepted,
        stuck_seconds=plan.stuck_seconds,
        on_lane=plan.hear,
        clock=Clock(plan.wall),
    )
    shutdown()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
