"""The plan of a seed."""

from collections import Counter

import pytest

from schemas.vocabulary import Agency
from tests.chaos.made_run import LIMIT
from tests.chaos.plan import FORGETFUL, KINDS, SILENT, Do, Mood, Plan


@pytest.mark.parametrize("seed", range(20))
def test_each_seed_strikes_each_kind_three_times_and_takes_999_away_for_longer_than_its_limit(seed: int) -> None:
    plan = Plan.of(seed, seconds=100.0, count=800)
    kills = Counter(blow.process.split("-")[0] for blow in plan.blows if blow.do is Do.KILL)
    assert kills.keys() == {"kafka", "worker", "connector", "notifier", "gateway", "agency"}
    assert min(kills.values()) >= 3
    away = [spell for spell in plan.spells if spell.mood is Mood.AWAY and spell.agency is Agency.EMERGENCY_999]
    assert away[0].seconds > LIMIT
    moments = [blow.at for blow in plan.blows] + [spell.at for spell in plan.spells]
    assert 0 <= min(moments) <= max(moments) <= 100.0
    assert plan == Plan.of(seed, seconds=100.0, count=800)


@pytest.mark.parametrize("seed", range(20))
def test_each_seed_has_a_silent_agency_that_forgets_and_more_workers_and_connectors_for_a_while(seed: int) -> None:
    plan = Plan.of(seed, seconds=100.0, count=800)
    assert {spell.mood for spell in plan.spells if spell.agency is FORGETFUL} >= set(SILENT)
    joined = Counter(blow.process.split("-")[0] for blow in plan.blows if blow.do is Do.JOIN)
    assert joined == {"worker": 2, "connector": 2}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("do", [Do.FREEZE, Do.STOP])
def test_a_full_run_freezes_and_stops_each_kind(do: Do, seed: int) -> None:
    plan = Plan.of(seed, seconds=200.0, count=3_000)
    assert {blow.process.split("-")[0] for blow in plan.blows if blow.do is do} == KINDS.keys()
