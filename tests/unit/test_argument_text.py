"""Text of the command line and of the environment reaches the terminal escaped, in every error that quotes it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import services.cli
from services.cli import main

RAW = "\x1b[2Kx\u202e\x9b1A"
SHOWN = r"\x1b[2Kx\u202e\x9b1A"
FOLDER = Path(services.cli.__file__).parent
#: Modules whose output is JSON, escaped text alone, or has its own test.
OTHERS = {"messages.py", "ready.py", "review.py", "review_result.py", "policy.py", "rejected.py", "produce.py"}


@pytest.mark.parametrize(
    "arguments",
    [
        (RAW,),
        (f"--{RAW}",),
        ("review", RAW),
        ("worker", f"--{RAW}"),
        ("decide", RAW),
        ("decide", "-", RAW),
        ("decide", "-", "--now", RAW),
        ("decide", "-", "--as-of", RAW),
        ("decide", "-", "--policy", f"/nowhere/{RAW}"),
        ("policy", "show", RAW),
        ("policy", "diff", RAW, "b"),
        ("keys", "service", RAW),
        ("connector", RAW, "--agency-url", "x"),
        ("notifier", "--channel", RAW),
        ("load", "--rate", "1", "--seconds", "2", "--arrivals", RAW),
        ("gateway", "--host", RAW),
        ("gateway", "--open", "--certificate", RAW, "--certificate-key", "x"),
        ("gateway", "--credentials", RAW, "--token-keys", RAW),
        ("demo", "--day", RAW),
    ],
    ids=lambda arguments: " ".join(arguments).encode("unicode_escape").decode(),
)
def test_no_argument_reaches_the_terminal_raw(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["confide", *arguments])
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert all(each.isprintable() or each == "\n" for each in out + err)


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ({"KAFKA_BOOTSTRAP": RAW}, ("review", "show", "x")),
        ({"CONFIDE_DUTY": RAW}, ("keys", "staff", "lead-1", ".")),
        ({"CONFIDE_CREDENTIALS": RAW}, ("keys", "services")),
    ],
    ids=["KAFKA_BOOTSTRAP", "CONFIDE_DUTY", "CONFIDE_CREDENTIALS"],
)
def test_no_setting_reaches_the_terminal_raw(
    variables: dict[str, str],
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "x")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["confide", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, SHOWN in err) == (2, True)
    assert all(each.isprintable() or each == "\n" for each in out + err)


def test_an_argument_that_is_no_text_is_shown_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "decide", b"\xff\x1b"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, b"confide: \\udcff\\x1b: No such file or directory\n")


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_verb_prints_text_by_the_functions_that_escape_it(path: Path) -> None:
    if path.name in OTHERS:
        return
    calls = [each.func for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Call)]
    printing = [each.lineno for each in calls if isinstance(each, ast.Name) and each.id == "print"]
    echoing = [each.lineno for each in calls if isinstance(each, ast.Attribute) and each.attr in {"echo", "secho"}]
    assert printing + echoing == []
