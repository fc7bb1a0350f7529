"""New facts from a review, added to a disclosure so that it can be decided again."""

from collections.abc import Sequence

from pydantic import ValidationError

from schemas.disclosure import ReadableDisclosure
from schemas.errors import Invalid
from schemas.reviews import TIMES, ReviewFact, read_time
from schemas.vocabulary import ConcernKind
from streams.domain.policy.concern_path import ConcernPath
from streams.domain.policy.facts import FACTS_OF

_KINDS = frozenset(kind.value for kind in ConcernKind)


def with_facts(disclosed: ReadableDisclosure, facts: Sequence[ReviewFact]) -> ReadableDisclosure:
    """Return the disclosure with these facts; raise `Invalid`, which names the path, for one that it cannot have.

    A new age replaces the known age, age band and date of birth, which may contradict it.
    """
    fields = disclosed.model_dump()
    seen: set[str] = set()
    for fact in facts:
        path, value = fact.path, fact.value
        if path in seen and path != "subject.professionals":
            raise Invalid.of(path, "is given twice")
        seen.add(path)
        if path == "subject.age":
            fields["subject"] |= {"age": value, "date_of_birth": None, "age_band": None}
        elif path == "subject.professionals":
            known = dict.fromkeys((*fields["subject"]["professionals"], value))
            fields["subject"]["professionals"] = tuple(known)
        elif path in TIMES:
            holder = fields if path == "disclosed_at" else fields["assessment"]
            holder[path.rpartition(".")[2]] = read_time(value)
        elif (of_concern := ConcernPath.parse(path)) is not None:
            _refuse_unknown(disclosed, of_concern)
            fields["concerns"][of_concern.concern][of_concern.fact] = value
        else:
            part, _, name = path.rpartition(".")
            holder = fields["safety"] if part == "safety" else fields["subject"]["adult_at_risk"]
            holder[name] = value
    try:
        return ReadableDisclosure.model_validate(fields)
    except ValidationError as error:
        raise Invalid.from_validation(error, _KINDS) from None


def _refuse_unknown(disclosed: ReadableDisclosure, path: ConcernPath) -> None:
    """Raise `Invalid` unless the disclosure has that concern, and a concern of that kind has that fact."""
    if path.concern >= len(disclosed.concerns):
        raise Invalid.of(str(path), "is of no concern of this disclosure")
    if path.fact not in FACTS_OF[disclosed.concerns[path.concern].kind]:
        raise Invalid.of(str(path), "is no fact of that concern")
