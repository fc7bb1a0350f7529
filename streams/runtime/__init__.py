"""Record batches on Faust, each one Kafka transaction: a small library that knows nothing of safeguarding.

An agent is written against `agent`. `lane` runs the agents, one for each lane. `transport` reads the records through
Faust and aiokafka, and starts a process of lanes (`run_worker`). The other modules are used by both. The theory, with
the test of each rule: `streams/runtime/THEORY.md`. Urgent first: `lane/urgency.py`. The error tree: `failure.py`.
"""

from streams.runtime.agent import Agent, Origin, Output, PutAside, Record, Timer, Turn
from streams.runtime.clock import Clock, ClockAgrees, ClockStepped
from streams.runtime.gc_settings import freeze_gc_at_startup
from streams.runtime.lane.groups import LaneContext, LaneGroup
from streams.runtime.lane.hidden_records import RecordsHidden, RecordsShown
from streams.runtime.lane.lane_events import (
    FollowerEvent,
    FollowerPassesOver,
    LaneCloses,
    LaneEvent,
    LaneOpens,
    LanePutsAside,
    LaneRefuses,
)
from streams.runtime.stamps import BrokerAgrees, BrokerAhead
from streams.runtime.steps import Step
from streams.runtime.transport.follower import Follower
from streams.runtime.transport.worker import run_worker

__all__ = [
    "Agent",
    "BrokerAgrees",
    "BrokerAhead",
    "Clock",
    "ClockAgrees",
    "ClockStepped",
    "Follower",
    "FollowerEvent",
    "FollowerPassesOver",
    "LaneCloses",
    "LaneContext",
    "LaneEvent",
    "LaneGroup",
    "LaneOpens",
    "LanePutsAside",
    "LaneRefuses",
    "Origin",
    "Output",
    "PutAside",
    "Record",
    "RecordsHidden",
    "RecordsShown",
    "Step",
    "Timer",
    "Turn",
    "freeze_gc_at_startup",
    "run_worker",
]
