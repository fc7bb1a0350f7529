"""The explanation of a ruling: what follows, every clause with the facts that decided it, and what is missing."""

from collections.abc import Iterator, Sequence

from schemas.disclosure import ReadableDisclosure
from schemas.policy import Clause, ClauseId, Confirmation, Policy
from schemas.records import Finding
from schemas.vocabulary import ClauseState, Outcome, WithheldBecause
from streams.domain.plain_english.questions import Consequence, HypotheticalAnswer, Question, questions
from streams.domain.plain_english.wording import (
    FACTS,
    KINDS,
    OUTCOMES,
    REASONS,
    agency_words,
    concern_words,
    fact_words,
    filled,
    listed,
    state_words,
    time_words,
)
from streams.domain.policy.concern_path import ConcernPath
from streams.domain.policy.ruling import Ruling
from streams.domain.policy.times import first_stated

_WITHHELD = {
    WithheldBecause.NOT_SAFE_TO_CONTACT: "no way to reach them is safe: they are told when one is",
    WithheldBecause.NO_CHANNEL: "there is no way to reach them",
}
_ASKED = {
    "subject.age": "how old they are",
    "subject.professionals": "who is involved in their care",
    "disclosed_at": "when they disclosed it",
    "assessment.assessed_at": "when it was assessed",
    "safety.says_safe": "whether they still say that they are safe, now that they have been talked with",
    "safety.contradicted": "whether what they shared still contradicts that they are safe",
    "safety.unclear": "whether it is still unclear if they are safe",
}
_HEADINGS = (
    (ClauseState.HOLDS, "What applies"),
    (ClauseState.OPEN, "What is still open"),
    (ClauseState.DOES_NOT_HOLD, "What was looked at and does not apply"),
)


def explanation(disclosed: ReadableDisclosure, ruling: Ruling) -> Iterator[str]:
    """Yield the lines of the explanation; no line identifies the person."""
    at = first_stated(disclosed)
    kinds = listed(dict.fromkeys(KINDS[concern.kind] for concern in disclosed.concerns))
    yield f"Disclosure {disclosed.disclosure_id}: {kinds}, disclosed {time_words(at)}"
    yield f"Decided under version {ruling.policy_version} of the policy."
    if ruling.policy.confirmation is Confirmation.SIGNED:
        yield "Under it only the signed outcome of a review confirms a report, not the word of the service (CASE-1)."
    yield ""
    yield from _outcome(ruling)
    for state, heading in _HEADINGS:
        found = [finding for finding in ruling.findings if finding.state is state]
        if found:
            yield ""
            yield f"{heading}:"
        for finding in found:
            yield from _clause(finding, ruling.policy.words_of(finding.id), ruling.policy)
    if asked := questions(ruling.facts, ruling.policy):
        yield ""
        yield "What is missing, and what it would change:"
        for question in asked:
            yield from _missing(question)
    if notes := (*disclosed.notes, *ruling.notes):
        yield ""
        yield "What did not fit together, and how it was read:"
        yield from (f"  {note}" for note in notes)


def consequence_words(follows: Consequence) -> str:
    """Return an outcome with its reason and its agencies, on one line."""
    words = follows.outcome.value.replace("_", " ")
    if follows.reason is not None:
        beside = follows.outcome is not Outcome.REVIEW
        words += f", with a review beside it: {REASONS[follows.reason]}" if beside else f": {REASONS[follows.reason]}"
    if follows.proposed is not None:
        words += f"; proposed: {follows.proposed.value}"
    return f"{words}; to {agency_words(follows.agencies)}" if follows.agencies else words


def _outcome(ruling: Ruling) -> Iterator[str]:
    yield f"{ruling.outcome.value.replace('_', ' ').upper()}: {OUTCOMES[ruling.outcome]}."
    if ruling.review is not None:
        asked = f"by {time_words(ruling.review.deadline)}, because {REASONS[ruling.review.reason]}"
        yield (
            f"A person has to look {asked}."
            if ruling.outcome is Outcome.REVIEW
            else f"A person is asked besides {asked}."
        )
    if ruling.proposed is not None:
        who = f" to {agency_words(ruling.agencies)}" if ruling.agencies else ""
        yield f"Proposed, and nothing sent: {ruling.proposed.value}{who}."
    elif ruling.agencies:
        yield f"Told: {agency_words(ruling.agencies)}."
    else:
        yield "Nobody is told."
    if ruling.notify.withheld_because is not None:
        yield f"The person is not told yet: {_WITHHELD[ruling.notify.withheld_because]}."
    elif ruling.notify.due:
        channels = listed((channel.value.replace("_", " ") for channel in ruling.notify.by), "or")
        yield f"The person is told as soon as possible, by {channels}."
    if ruling.outcome is not Outcome.OUT_OF_SCOPE:
        yield f"Other support is always offered ({ClauseId.TELL_5}): {ruling.policy.words_of(ClauseId.TELL_5).plain}"


def _clause(finding: Finding, words: Clause, policy: Policy) -> Iterator[str]:
    yield f"  {finding.id} {state_words(finding.id, finding.state)}. {filled(words.text, policy)}"
    because = [fact_words(name, value) for name, value in finding.facts.items()]
    if because:
        yield f"    Because {listed(because)}."
    if finding.state is ClauseState.HOLDS:
        yield f"    In plain words: {words.plain}"
    elif finding.state is ClauseState.OPEN:
        yield f"    What to look for: {filled(words.staff, policy)}"


def _missing(question: Question) -> Iterator[str]:
    yield f"  {asked_words(question.path)} ({question.path})"
    if question.given:
        given = (f"{asked_words(path)}: {words}" for path, words in question.given)
        yield f"    changes nothing alone; once it is known {listed(given)}:"
    if not question.matters:
        yield "    whatever the answer, nothing changes by it alone"
        return
    for follows, answers in _by_consequence(question.answers):
        words = listed((answer.value.replace("_", " ") for answer in answers), "or")
        yield f"    {words}: {'still ' if not answers[0].changes else ''}{consequence_words(follows)}"


def asked_words(path: str) -> str:
    """Return the question, in words, for the missing fact of this contract path."""
    if path in _ASKED:
        return _ASKED[path]
    words = FACTS.get(path.rpartition(".")[2])
    asked = f"what is known of {path}" if words is None else words.asked
    of_concern = ConcernPath.parse(path)
    return asked if of_concern is None else f"{asked} {concern_words(of_concern)}"


def _by_consequence(answers: Sequence[HypotheticalAnswer]) -> list[tuple[Consequence, list[HypotheticalAnswer]]]:
    grouped: dict[Consequence, list[HypotheticalAnswer]] = {}
    for answer in answers:
        grouped.setdefault(answer.follows, []).append(answer)
    return list(grouped.items())
