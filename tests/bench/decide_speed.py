"""`python -m tests.bench.decide_speed`: the rate of `decide` on one core, beside that of its plain form.

It measures `decide`, from the readable disclosure to the ruling, as DECIDE calls it: with every version of the policy
and with the unsafe channels of a person. The plain form evaluates each disclosure without a cache. There are two sets:
the lines of the scenario day, and random disclosures whose facts hardly repeat within the set. Each round decides the
whole set again; the first round shows the cost before the cache has the combinations of facts.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.concerns import CONCERNS
from schemas.disclosure import ReadableDisclosure, parse_json
from schemas.policy import Policies, load_policies
from schemas.vocabulary import AgeBand, ContactChannel, HousingState, ImmediateDanger, Role, Timeframe
from streams.domain.admission import readable
from streams.domain.policy import Ruling, decide
from streams.domain.policy.ruling import decide_plainly

DAY = Path(__file__).parents[1] / "data" / "scenarios" / "day.jsonl"
NOW = datetime(2026, 2, 4, tzinfo=UTC)
#: Required disclosures per second on one core.
REQUIRED = 100_000
_MADE_UP = 5_000
_UNSAFE = frozenset({ContactChannel.THREAD})
_CLOSED_SETS: dict[str, tuple[Any, ...]] = {
    "immediate_danger": (*ImmediateDanger, None),
    "timeframe": (*Timeframe, None),
    "state": (*HousingState, None),
}
_TRI = (True, False, None)


def of_the_day() -> list[ReadableDisclosure]:
    """Return the disclosures of the scenario day."""
    return [readable(parse_json(line), datetime.now(UTC)) for line in DAY.read_bytes().splitlines()]


def made_up(count: int, seed: int = 1) -> list[ReadableDisclosure]:
    """Return disclosures with random facts, the same for the same seed."""
    chance = random.Random(seed)
    return [_made_up(chance, number) for number in range(count)]


def _made_up(chance: random.Random, number: int) -> ReadableDisclosure:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(50_000))
    says_safe = chance.random() < 0.3
    models = chance.choices(CONCERNS, k=chance.choice((1, 1, 1, 2, 3)))
    return ReadableDisclosure.model_validate(
        {
            "disclosure_id": f"d-{number}",
            "service": chance.choice(("forum", "text_line")),
            "disclosed_at": at,
            "assessment": {
                "assessed_at": at + timedelta(hours=chance.choice((0, 1, 30 * 24 + 1))),
                "assessor": chance.choice(tuple(Role)),
                "confirmed_by": chance.choice((*Role, None)),
            },
            "subject": {
                "date_of_birth": chance.choice((None, date(2008, 1, 1) + timedelta(days=chance.randrange(1_500)))),
                "age": chance.choice((None, chance.randrange(10, 30))),
                "age_band": chance.choice((None, *AgeBand)),
                "adult_at_risk": dict(
                    zip(
                        ("care_or_support_needs", "at_risk_of_harm", "cannot_protect_self"),
                        chance.choices(_TRI, k=3),
                        strict=True,
                    )
                ),
                "professionals": chance.choice(([], ["social_worker"], ["care_professional"])),
            },
            "concerns": [
                {name: chance.choice(_CLOSED_SETS.get(name, _TRI)) for name in model.model_fields if name != "kind"}
                | {"kind": model.model_fields["kind"].annotation.__args__[0]}  # type: ignore[union-attr] # a Literal
                for model in models
            ],
            "safety": {"says_safe": says_safe, "contradicted": says_safe and chance.random() < 0.3},
            "contact": {"channels": ["sms", "thread"], "preferred": "sms"},
        }
    )


Form = Callable[..., Ruling]


def seconds_of(form: Form, disclosures: Sequence[ReadableDisclosure], policies: Policies) -> float:
    """Return the processor time of one round over the disclosures, in seconds."""
    began = time.process_time()
    for disclosed in disclosures:
        form(disclosed, now=NOW, policy=policies, unsafe_channels=_UNSAFE)
    return time.process_time() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if the fast form is too slow, or a ruling differs from the plain form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement, about")
    parser.add_argument("--required", type=int, default=REQUIRED, help="disclosures a second that are enough")
    asked = parser.parse_args(arguments)
    policies = load_policies()
    enough = True
    print(f"{'disclosures':<28}{'first round':>14}{'fast form':>14}{'plain form':>14}   (a second, on one core)")
    for name, disclosures in (("the scenario day", of_the_day()), ("made up by chance", made_up(_MADE_UP))):
        count = len(disclosures)
        first = seconds_of(decide, disclosures, policies)
        fast = _best(decide, disclosures, policies, asked.seconds)
        plain = _best(decide_plainly, disclosures, policies, asked.seconds)
        rates = (count / first, count / fast, count / plain)
        print(f"{f'{name}: {count:,}':<28}" + "".join(f"{rate:>14,.0f}" for rate in rates))
        enough &= count / fast >= asked.required and _agree(disclosures, policies)
    print(f"{'enough' if enough else 'NOT ENOUGH'}: {asked.required:,} are asked for, with equal rulings of both forms")
    return 0 if enough else 1


def _best(form: Form, disclosures: Sequence[ReadableDisclosure], policies: Policies, seconds: float) -> float:
    # The best round is the cost of the code; other rounds include other work of the machine.
    best = seconds_of(form, disclosures, policies)
    spent = best
    while spent < seconds:
        taken = seconds_of(form, disclosures, policies)
        best, spent = min(best, taken), spent + taken
    return best


def _agree(disclosures: Sequence[ReadableDisclosure], policies: Policies) -> bool:
    return all(
        decide(each, now=NOW, policy=policies, unsafe_channels=_UNSAFE)
        == decide_plainly(each, now=NOW, policy=policies, unsafe_channels=_UNSAFE)
        for each in disclosures
    )


if __name__ == "__main__":
    sys.exit(main())
