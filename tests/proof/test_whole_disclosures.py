"""Random whole disclosures with several concerns: the invariants of every disclosure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.disclosure import ReadableDisclosure
from schemas.policy import load_policies
from schemas.vocabulary import AgeBand, ConcernKind, ProfessionalRole, Role
from streams.domain.policy.clause_rules import CLAUSE_RULES
from streams.domain.policy.evaluation import evaluate
from streams.domain.policy.facts import FACTS_OF, CaseFacts
from streams.domain.policy.ruling import decide, decide_plainly
from tests.proof.comparison import agree, severity, verdict_of
from tests.proof.second import TABLES, Verdict, verdict
from tests.proof.spaces import AR_1, CLOSED, QUIET, SAFE, TRI

POLICY = load_policies().named(TABLES["parameters"]["version"])
NOW = datetime(2026, 2, 3, 12, 6, tzinfo=UTC)
MANY = settings(max_examples=200, deadline=None)


@st.composite
def concerns(draw: st.DrawFn, *, quiet: bool = False) -> dict[str, Any]:
    kind = draw(st.sampled_from(ConcernKind))
    facts = {
        name: st.sampled_from([*[QUIET.get(name, False)] * 8 * quiet, *CLOSED.get(name, TRI)])
        for name in FACTS_OF[kind]
    }
    # Most concerns have no immediate danger; else nearly every disclosure would be an emergency.
    facts["immediate_danger"] = st.sampled_from([*["none"] * 6, *CLOSED["immediate_danger"]])
    return {"kind": kind, **draw(st.fixed_dictionaries(facts))}


@st.composite
def disclosures(draw: st.DrawFn) -> ReadableDisclosure:
    at = NOW - timedelta(days=draw(st.sampled_from([0, 1, 29, 31])))
    # Now and then by a clock that was never set.
    unset = datetime(1970, 1, 1, tzinfo=UTC)
    at, assessed_at = (draw(st.sampled_from([each] * 9 + [unset])) for each in (at, NOW))
    return ReadableDisclosure.model_validate(
        {
            "disclosure_id": "d-1",
            "service": draw(st.sampled_from(["forum", "text_line"])),
            "disclosed_at": at,
            "assessment": {
                "assessed_at": assessed_at,
                "assessor": draw(st.sampled_from(Role)),
                "confirmed_by": draw(st.sampled_from([*Role, None])),
            },
            "subject": {
                "date_of_birth": draw(st.none() | st.dates(date(2005, 1, 1), date(2013, 1, 1))),
                "age": draw(st.sampled_from([None, 15, 16, 17, 18])),
                "age_band": draw(st.sampled_from([None, *AgeBand])),
                "adult_at_risk": {name: draw(st.sampled_from(TRI)) for name in AR_1},
                "professionals": draw(st.lists(st.sampled_from(ProfessionalRole), max_size=2)),
            },
            "concerns": draw(st.lists(concerns(), min_size=1, max_size=4)),
            "safety": {name: draw(st.booleans()) for name in SAFE},
        }
    )


@dataclass(frozen=True)
class Read:
    facts: CaseFacts
    follows: Verdict


def _read(disclosed: ReadableDisclosure) -> Read:
    facts = decide_plainly(disclosed, now=NOW, policy=POLICY).facts
    return Read(facts, verdict_of(evaluate(facts, POLICY, CLAUSE_RULES)))


@settings(max_examples=400, deadline=None)
@given(disclosures())
def test_both_formulations_agree(disclosed: ReadableDisclosure) -> None:
    read = _read(disclosed)

    assert agree(read.follows, verdict(read.facts))


@MANY
@given(disclosures())
def test_decide_returns_what_follows_from_the_facts(disclosed: ReadableDisclosure) -> None:
    follows, ruling = _read(disclosed).follows, decide(disclosed, now=NOW, policy=POLICY)

    review = ruling.review
    assert (ruling.outcome, ruling.proposed) == (follows.outcome, follows.proposed)
    assert (None if review is None else review.reason) == follows.reason
    if review is not None:
        within = POLICY.deadlines.emergency if follows.pressing else POLICY.deadlines.other
        assert (review.deadline, frozenset(review.asks)) == (NOW + within, follows.asks)


@MANY
@given(disclosures(), st.randoms(use_true_random=False))
def test_the_order_of_concerns_does_not_matter(disclosed: ReadableDisclosure, chance: Any) -> None:
    order = list(range(len(disclosed.concerns)))
    chance.shuffle(order)
    other = disclosed.model_copy(update={"concerns": tuple(disclosed.concerns[index] for index in order)})

    first, second = _read(disclosed).follows, _read(other).follows

    moved = {f"concerns[{now}]": f"concerns[{was}]" for now, was in enumerate(order)}
    asks = frozenset(
        ".".join([moved.get(part, part), *rest]) for part, *rest in (ask.split(".") for ask in second.asks)
    )
    assert second._replace(asks=asks) == first


@MANY
@given(disclosures(), concerns())
def test_another_concern_never_lowers_an_outcome(disclosed: ReadableDisclosure, added: dict[str, Any]) -> None:
    fields = disclosed.model_dump()
    more = ReadableDisclosure.model_validate({**fields, "concerns": [*fields["concerns"], added]})

    assert severity(_read(more).follows) >= severity(_read(disclosed).follows)


@MANY
@given(disclosures(), concerns(quiet=True))
def test_another_confidential_concern_changes_nothing_for_the_person(
    disclosed: ReadableDisclosure, added: dict[str, Any]
) -> None:
    fields = disclosed.model_dump()
    alone = _read(ReadableDisclosure.model_validate({**fields, "concerns": [added]})).follows
    assume(all(state == "does_not_hold" for clause, state in alone.states if clause.startswith(("IR-", "LT-", "AD-2"))))
    more = ReadableDisclosure.model_validate({**fields, "concerns": [*fields["concerns"], added]})

    with_it, without = _read(more).follows, _read(disclosed).follows
    assert with_it._replace(states=frozenset()) == without._replace(states=frozenset())


@MANY
@given(disclosures())
def test_the_strongest_of_its_concerns_decides(disclosed: ReadableDisclosure) -> None:
    fields = disclosed.model_dump()
    alone = [
        severity(_read(ReadableDisclosure.model_validate({**fields, "concerns": [each]})).follows)
        for each in fields["concerns"]
    ]

    whole = severity(_read(disclosed).follows)

    # A danger to life in one concern makes AD-2 not hold for any other, but such a disclosure is an emergency anyway.
    assert whole == max(alone)


@MANY
@given(disclosures())
def test_the_invariants_of_outcomes_hold(disclosed: ReadableDisclosure) -> None:
    read = _read(disclosed)
    follows, facts = read.follows, read.facts

    if False in (facts.on_or_after_effective_from, facts.within_current_for):
        assert (follows.outcome, follows.agencies) == ("out_of_scope", ())
    if not facts.made_or_confirmed_by_trained:
        assert follows.outcome not in ("emergency", "refer")
    if facts.under_18 is False and False in (getattr(facts, name) for name in AR_1):
        assert "refer" not in (follows.outcome, follows.proposed)
