"""The plan of a seed."""

from collections import Counter

import pytest

from schemas.vocabulary import Agency
from tests.chaos.made_run import LIMIT
from tests.chaos.plan import FORGETFUL, KINDS, SILENT, Behaviour, Do, Plan


@pytest.mark.parametrize("seed", range(20))
def test_each_seed_strikes_each_kind_three_times_and_takes_999_away_for_longer_than_its_limit(seed: int) -> None:
    plan = Plan.of(seed, seconds=100.0, count=800)
    kills = Counter(disruption.process.split("-")[0] for disruption in plan.disruptions if disruption.do is Do.KILL)
    assert kills.keys() == {"kafka", "worker", "connector", "notifier", "gateway", "agency"}
    assert min(kills.values()) >= 3
    away = [
        episode
        for episode in plan.episodes
        if episode.behaviour is Behaviour.AWAY and episode.agency is Agency.EMERGENCY_999
    ]
    assert away[0].seconds > LIMIT
    moments = [disruption.at for disruption in plan.disruptions] + [episode.at for episode in plan.episodes]
    assert 0 <= min(moments) <= max(moments) <= 100.0
    assert plan == Plan.of(seed, seconds=100.0, count=800)


@pytest.mark.parametrize("seed", range(20))
def test_each_seed_has_a_silent_agency_that_forgets_and_more_workers_and_connectors_for_a_while(seed: int) -> None:
    plan = Plan.of(seed, seconds=100.0, count=800)
    assert {episode.behaviour for episode in plan.episodes if episode.agency is FORGETFUL} >= set(SILENT)
    joined = Counter(disruption.process.split("-")[0] for disruption in plan.disruptions if disruption.do is Do.JOIN)
    assert joined == {"worker": 2, "connector": 2}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("do", [Do.FREEZE, Do.STOP])
def test_a_full_run_freezes_and_stops_each_kind(do: Do, seed: int) -> None:
    plan = Plan.of(seed, seconds=200.0, count=3_000)
    assert {disruption.process.split("-")[0] for disruption in plan.disruptions if disruption.do is do} == KINDS.keys()
