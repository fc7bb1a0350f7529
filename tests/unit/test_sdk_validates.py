"""The SDK is a door: it sends what the other doors accept, and its errors show no input."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.codec import decode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure, Subject, parse_json, validate
from schemas.errors import Invalid
from services.sdk import DisclosureProducer
from tests.disclosures import disclosure, fields
from tests.doors.mutated import MARKER, places
from tests.fakes.taking_connection import TakingConnection

WHOLE = disclosure(contact={"channels": ["sms"]}, channel={"kind": "thread", "reference": "r"})
#: Every field of the disclosure's models, by its path.
PATHS = [path for path in places(WHOLE.model_dump()) if isinstance(path[-1], str)]

#: Fields that take any number: ADMIT leaves out one that cannot be true.
NUMBERS = ("age", "latitude", "longitude")


@pytest.fixture
def connection() -> TakingConnection:
    return TakingConnection()


@pytest.fixture
def sdk(connection: TakingConnection) -> DisclosureProducer:
    return DisclosureProducer("127.0.0.1:1", connection=connection)


def copied(model: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with another value at the path, by `model_copy`, which checks nothing."""
    if not path:
        return value
    if isinstance(model, tuple):
        return tuple(copied(each, path[1:], value) if at == path[0] else each for at, each in enumerate(model))
    return model.model_copy(update={path[0]: copied(getattr(model, path[0], None), path[1:], value)})


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("value", [999, [MARKER], {MARKER: 1}, object()], ids=lambda each: type(each).__name__)
def test_a_copy_with_a_value_that_was_never_checked_is_not_sent(
    sdk: DisclosureProducer, connection: TakingConnection, path: tuple[Any, ...], value: Any
) -> None:
    if path[-1] in NUMBERS and value == 999:
        value = str(value)
    with pytest.raises(Invalid) as caught:
        sdk.publish(copied(WHOLE, path, value))
    assert MARKER not in f"{caught.value} {caught.value!r}"
    assert connection.taken() == []


@pytest.mark.parametrize("path", [(), ("subject",), ("concerns", 0), ("safety",)], ids=str)
def test_a_name_that_is_not_the_contracts_is_not_left_out(
    sdk: DisclosureProducer, connection: TakingConnection, path: tuple[Any, ...]
) -> None:
    with pytest.raises(Invalid, match="is not a field of this record"):
        sdk.send(copied(WHOLE, (*path, "plann"), True))
    assert connection.taken() == []


def test_a_disclosure_that_was_never_checked_is_not_sent(sdk: DisclosureProducer) -> None:
    with pytest.raises(Invalid, match="disclosure_id: is required"):
        sdk.send(Disclosure.model_construct(service="forum"))  # type: ignore[call-arg, arg-type]


def test_a_time_without_its_zone_is_not_sent(sdk: DisclosureProducer) -> None:
    with pytest.raises(Invalid, match=r"^disclosed_at: must say its time zone$"):
        sdk.send(WHOLE.model_copy(update={"disclosed_at": datetime(2026, 2, 3)}))  # noqa: DTZ001 - the fault


@given(st.text(st.characters(categories=["Cs"]) | st.characters(), max_size=20), st.booleans())
def test_half_characters_of_a_model_are_mended_as_those_of_a_line(text: str, is_copied: bool) -> None:
    connection = TakingConnection()
    made = fields(summary=text)
    by_model = Disclosure.model_validate(made)
    assert by_model == validate(made) == parse_json(json.dumps(made))
    given_ = copied(by_model, ("summary",), text) if is_copied else by_model
    DisclosureProducer("127.0.0.1:1", connection=connection).send(given_)
    (value,) = connection.taken()
    assert validate(decode(value, "Disclosure")[1]) == by_model


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("half", ["\ud83d", "a\udc00"])
@pytest.mark.parametrize("as_name", [True, False])
def test_half_a_character_at_any_place_has_one_verdict(path: tuple[Any, ...], half: str, as_name: bool) -> None:
    made: Any = WHOLE.model_dump(mode="json")
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    holder[f"{MARKER}{half}" if as_name else path[-1]] = half
    verdicts: list[Any] = []
    doors: tuple[Callable[[], Disclosure], ...] = (
        lambda: parse_json(json.dumps(made)),
        lambda: validate(made),
        lambda: Disclosure.model_validate(made),
    )
    for read in doors:
        try:
            verdicts.append(read())
        except Invalid as invalid:
            verdicts.append(str(invalid))
        except ValidationError as error:
            verdicts.append(str(Invalid.from_validation(error)))
    assert verdicts == [verdicts[0]] * 3
    assert "UTF-8" not in str(verdicts[0])
    assert not as_name or "(a name that is not shown): is not a field of this record" in verdicts[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"service": MARKER},
        {MARKER: MARKER},
        {"concerns": [{"kind": MARKER}]},
        {"concerns": [{"kind": "suicide", MARKER: MARKER}]},
        {"subject": {"account": [MARKER], "phone": MARKER, MARKER: 1}},
        {"disclosed_at": MARKER},
    ],
)
def test_pydantics_own_error_shows_no_input(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Disclosure.model_validate(fields(**changes))
    assert MARKER not in f"{caught.value} {caught.value!r}"
    with pytest.raises(ValidationError) as caught:
        Disclosure(**fields(**changes))
    assert MARKER not in f"{caught.value} {caught.value!r}"


def test_a_parts_error_quotes_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Subject(phone=MARKER, age=MARKER)  # type: ignore[arg-type]
    assert MARKER not in f"{caught.value} {caught.value!r}"


def test_a_model_that_is_too_large_is_not_sent(sdk: DisclosureProducer) -> None:
    with pytest.raises(Invalid, match=r"^disclosure: is larger than 262144 bytes$"):
        sdk.send(WHOLE.model_copy(update={"summary": "x" * MAX_DISCLOSURE_BYTES}))
