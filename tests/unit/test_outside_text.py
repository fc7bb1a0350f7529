"""Text from outside is shown as text: it steers no terminal, is no markup, and keeps its line breaks."""

import io
import unicodedata
from contextlib import suppress

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from schemas.reviews import ReviewOutcome, ReviewSettled
from schemas.sealed import SealedDetails
from schemas.vocabulary import ReviewDecision
from services.cli.live_view import LiveView
from services.cli.paragraphs import broken
from services.cli.review_result import print_result
from services.outside_text import legible, one_line
from services.review.sealed_words import as_it_came, disclosed
from services.review.send_outcome import OutcomeRejected
from tests.contract.examples import FULL

B05 = "He has a knife, I think he will use it tonight.\x1b[1A\x1b[2K\r  no further risk found.\x1b[0m"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (B05, r"He has a knife, I think he will use it tonight.\x1b[1A\x1b[2K\r  no further risk found.\x1b[0m"),
        ("a\x1b]0;title\x07b \u202eflipped", r"a\x1b]0;title\x07b \u202eflipped"),
        ("\u2066a\u2069\u200e\u200f\u061c", r"\u2066a\u2069\u200e\u200f\u061c"),
        ("\x9b2J\x85\u2028\u2029\ufeff\x7f\x00", r"\x9b2J\x85\u2028\u2029\ufeff\x7f\x00"),
        ("one\r\ntwo\nthree", "one\ntwo\nthree"),
        (
            "\U0001f469\u200d\U0001f680 caf\u00e9 \u0646\u200c\u0646",
            "\U0001f469\u200d\U0001f680 caf\u00e9 \u0646\u200c\u0646",
        ),
        ("\ud83d\ue000\tx", r"\ud83d\ue000\tx"),
    ],
    ids=["B05", "a title", "directions", "C1 and separators", "line breaks", "joiners", "a surrogate and private use"],
)
def test_what_would_steer_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert legible(text) == shown


@given(st.text(st.characters(codec=None)))
def test_no_text_shows_a_control_or_a_format_character(text: str) -> None:
    shown = "\n".join(broken([text]))
    assert all(each in "\n\u200c\u200d" or unicodedata.category(each)[0] != "C" for each in shown)


def test_b05_the_reviewer_reads_every_sentence_and_its_line_breaks() -> None:
    details = SealedDetails(summary=f"{B05}\nSecond line.\n\nThird line.")
    lines = list(broken(disclosed(details)))
    assert r"  He has a knife, I think he will use it tonight.\x1b[1A\x1b[2K\r  no further risk found.\x1b[0m" in lines
    assert lines[-3:] == ["    Second line.", "", "    Third line."]


def test_a_rejected_record_is_shown_escaped_too() -> None:
    assert list(broken(as_it_came(B05.encode())))[-1].startswith(r"  He has a knife")
    assert "\x1b" not in "".join(broken(as_it_came(B05.encode())))


def test_the_entry_of_a_list_is_one_line() -> None:
    assert one_line("a\r\nforged/0/1\x1b[2J") == r"a\nforged/0/1\x1b[2J"


def test_what_comes_of_an_outcome_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    outcome, settled = FULL["ReviewOutcome"], FULL["ReviewSettled"]
    assert isinstance(outcome, ReviewOutcome)
    assert isinstance(settled, ReviewSettled)
    told = {"decision": ReviewDecision.TOLD_BY_PHONE, "told_at": settled.settled_at, "reference": "A\x1b[2J"}
    same = {name: getattr(settled, name) for name in ("by", "refusal", "facts", "ask_again_at", "entered_under")}
    for result, said in (
        (OutcomeRejected("reason\x1b[2J\nline"), outcome),
        (settled.model_copy(update={"by": "staff\x1b[2J"}), outcome),
        (settled.model_copy(update=told), outcome.model_copy(update={**told, **same, "records": settled.records})),
    ):
        with suppress(typer.Exit):
            print_result(result, said)
        out, err = capsys.readouterr()
        assert r"\x1b[2J" in out + err
        assert "\x1b" not in out + err


@pytest.mark.parametrize("text", ["[/b]", "[bold red]x", "[link=file:///]x[/link]", ":skull:", "[]"])
def test_b16_text_is_never_markup(text: str) -> None:
    view = LiveView(1)
    out = io.StringIO()
    view.console.file = out
    view.report(f"rejected     {text}: is given twice")
    table = Table(text)
    table.add_row(text)
    view.console.print(table)
    assert out.getvalue().count(text) == 3
    assert isinstance(view.console, Console)
