"""The notices that a fifteen-year-old reads: whole texts, in the policy's plain words, with a reference to quote."""

import re
from datetime import UTC, datetime

import pytest

from schemas.agencies import AGENCIES
from schemas.notifications import NotificationDue, ServiceDisclosure
from schemas.policy import load_policy
from schemas.policy.clauses import IMMEDIATE_RISK, LONG_TERM
from schemas.vocabulary import Agency, ContactChannel, NoticeSays, Service
from services.notifier.notice import STATEMENTS, compose
from streams.domain.ids import follow_up_id, notice_reference

POLICY = load_policy()
FIRST = "5d3b8a0e-0000-5000-8000-000000000001"
ASK = "You can always ask us why something was passed on, what was shared and with whom, and we will tell you."
SUPPORT = POLICY.words_of("TELL-5").plain


def due(agency: Agency, *clauses: str) -> NotificationDue:
    return NotificationDue(
        notification_id=FIRST,
        report_id="report-1",
        person="person-1",
        disclosures=(ServiceDisclosure(service=Service.FORUM, disclosure_id="disclosure-1"),),
        agency=agency,
        clauses=clauses,
        channels=(ContactChannel.SMS,),
        due_at=datetime(2026, 2, 3, tzinfo=UTC),
    )


def read(says: NoticeSays, agency: Agency, *clauses: str, follows: bool = False) -> list[str]:
    id_ = follow_up_id(FIRST, says) if follows else FIRST
    return compose(due(agency, *clauses), says, POLICY, id_).text().split("\n")


def test_we_have_told() -> None:
    assert read(NoticeSays.HAVE_TOLD, Agency.EMERGENCY_999, "IR-1", "IR-4") == [
        "This is about what you shared with us. We have told the emergency services (999).",
        "Why:",
        (
            "  - If we're worried that you could end your life very soon, we ask the emergency services to help, "
            "because we want you to stay alive. You're not in trouble."
        ),
        (
            "  - Too much medicine can be dangerous even if you feel OK, so we ask for medical help. "
            "You're not in trouble."
        ),
        f"{ASK} Your reference is {notice_reference(FIRST)}.",
        SUPPORT,
    ]


def test_tell_4_we_are_telling_says_what_we_do_not_know() -> None:
    assert read(NoticeSays.ARE_TELLING, Agency.POLICE_101, "LT-4") == [
        (
            "This is about what you shared with us. We are telling the police, on their non-emergency line. "
            "We do not know yet whether it has reached them. We'll write to you again when we know. "
            "This does not mean you've done anything wrong."
        ),
        "Why:",
        (
            "  - If you're under 18 and have no home, or may lose it, we tell somebody who can help you look for a "
            "safe place to stay."
        ),
        f"{ASK} Your reference is {notice_reference(FIRST)}.",
        SUPPORT,
    ]


def test_tell_3_a_follow_up_is_true_alone_and_has_the_reference_to_ask_with() -> None:
    words = read(NoticeSays.HAVE_TOLD, Agency.SOCIAL_WORKER, "LT-2", follows=True)
    assert words[0] == "This is about what you shared with us. We have now told your social worker."
    assert words[-2] == f"{ASK} Your reference is {notice_reference(FIRST)}."
    assert read(NoticeSays.HAVE_NOT_TOLD, Agency.CARE_TEAM, "LT-5", follows=True) == [
        (
            "This is about what you shared with us. We were going to tell the people involved in your care. "
            "We have not told them."
        ),
        f"{ASK} Your reference is {notice_reference(FIRST)}.",
        SUPPORT,
    ]


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (
            NoticeSays.MAY_HAVE_TOLD,
            (
                "We were going to tell the police, on their non-emergency line, and then we stopped. "
                "We can't be sure if it had reached them before that."
            ),
        ),
        (
            NoticeSays.HAD_BEEN_TOLD,
            (
                "We were going to tell the police, on their non-emergency line. "
                "Then we heard that they had been told already, so we stopped."
            ),
        ),
    ],
)
def test_a_notice_of_a_stopped_report_says_no_more_than_is_known(says: NoticeSays, said: str) -> None:
    assert read(says, Agency.POLICE_101, "LT-4", follows=True) == [
        f"This is about what you shared with us. {said}",
        f"{ASK} Your reference is {notice_reference(FIRST)}.",
        SUPPORT,
    ]


def test_every_state_of_a_report_has_its_words() -> None:
    assert set(STATEMENTS) == set(NoticeSays)


def test_a_clause_of_a_later_policy_is_named() -> None:
    assert "  - Part LT-9 of our policy." in read(NoticeSays.HAVE_TOLD, Agency.SOCIAL_WORKER, "LT-9")


@pytest.mark.parametrize("clause", [*IMMEDIATE_RISK, *LONG_TERM])
def test_words_about_a_clause_address_the_reader_claim_nothing_done_and_ask_for_no_facts(clause: str) -> None:
    plain = POLICY.words_of(clause).plain
    # The words must fit "we are telling" too, and an agency other than the usual one.
    assert not re.search(r"\bwe(?:'ve| have) (?:told|asked)\b", plain, re.IGNORECASE)
    assert not re.search(r"\bthey (?:are|have|intend|might)\b|\btheir (?:life|own)\b", plain)
    assert len(plain) < 220
    assert max(len(sentence.split()) for sentence in re.split(r"[.!?] ", plain)) <= 32


def test_every_agency_has_a_name_that_is_read_to_people() -> None:
    for agency in Agency:
        assert AGENCIES[agency].name_for_person.startswith(("the ", "your "))


def test_a_reference_is_short_cannot_be_misread_and_is_one_for_each_first_notice() -> None:
    references = {notice_reference(f"notice-{number}") for number in range(2_000)}
    assert len(references) == 2_000
    assert all(re.fullmatch(r"[2-9A-HJ-NP-Z]{8}", reference) for reference in references)
    # People may have it on paper, so it must stay the same.
    assert notice_reference(FIRST) == "VMY6492W"
