"""The mend of each case of `tests/cases` that has an input, and of upgrades: without it the case is a fault again.

The other cases have their rows beside the rules of their part, for example repeats, clocks, or what is put aside.
"""

from tests.mutation.row import Edit, Row

_HERE = "tests/cases/test_inputs.py::"
_FIELDS = "schemas/fields.py"
_DISCLOSURE = "schemas/disclosure.py"
_READER = "schemas/json_reader.py"
_FORMS = "streams/domain/identifier_forms.py"
_KINDS = "services/cli/line_kinds.py"
_LINES = "tests/unit/test_disclosure_lines.py::"

ROWS = (
    Row(
        "B01: text of digits is no time",
        _FIELDS,
        (
            Edit(
                '    if found is None:\n        raise Invalid.of("", _NO_TIME)\n    second',
                "    if found is None:\n        return datetime.fromtimestamp(float(value), UTC)\n    second",
            ),
        ),
        (f"{_HERE}test_b01_time_from_digits",),
    ),
    Row(
        "B03: a mark is no newer than its assessment",
        "streams/domain/channels.py",
        (Edit("when_disclosed(disclosed, earliest, now)", "disclosed.disclosed_at"),),
        (f"{_HERE}test_b03_future_safe_mark",),
    ),
    Row(
        "B03: no time that a sender claims is later than the arrival",
        "streams/domain/admission.py",
        (Edit('min(fields["disclosed_at"], arrived_at)', 'fields["disclosed_at"]'),),
        ("tests/cases/test_families.py::test_b03_no_claimed_time_counts_as_later_than_the_arrival",),
    ),
    Row(
        "B04: a withheld number is nobody's token",
        _FORMS,
        (
            Edit("if phone in WITHHELD:", "if not phone:"),
            Edit("!= phonenumbers.ValidationResult.IS_POSSIBLE", "is None"),
        ),
        (f"{_HERE}test_b04_withheld_number",),
    ),
    Row(
        "B05: control characters are shown escaped",
        "services/cli/paragraphs.py",
        (Edit("legible(line).split", "line.split"),),
        (f"{_HERE}test_b05_words_for_a_terminal",),
    ),
    Row(
        "B06: a name that is not the contract's is not shown",
        _READER,
        (Edit("doubled if doubled in names else HIDDEN_NAME", "doubled"),),
        (f"{_HERE}test_b06_name_of_a_doubled_field",),
    ),
    Row(
        "B07: half a character becomes U+FFFD",
        _FIELDS,
        (Edit('return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")', "return value"),),
        (f"{_HERE}test_b07_half_an_emoji",),
    ),
    Row(
        "B08: a birth of more than 130 years ago is no fact",
        "streams/domain/policy/age.py",
        (Edit("return ImpossibleBirth.TOO_LONG_AGO if years > OLDEST else None", "return None"),),
        (f"{_HERE}test_b08_placeholder_birth",),
    ),
    Row(
        "B10: forms of Unicode of one address are one token",
        _FORMS,
        (
            Edit('unicodedata.normalize("NFC", text.translate(_IGNORABLE))', "text.translate(_IGNORABLE)"),
            Edit('unicodedata.normalize("NFC", f"{local}@{domain}".casefold())', 'f"{local}@{domain}".casefold()'),
        ),
        (f"{_HERE}test_b10_email_forms",),
    ),
    Row(
        "B12: a byte order mark is passed over",
        _READER,
        (Edit("_text_of(raw).strip(PADDING)\n    _refuse", "_text_of(raw).strip()\n    _refuse"),),
        (f"{_HERE}test_b12_byte_order_mark",),
    ),
    Row(
        "B15: a file of another format is one error",
        "services/cli/disclosure_lines.py",
        (Edit("    if not are_json_lines(line.raw for line in looked_at):", "    if False:"),),
        (f"{_HERE}test_b15_pretty_printed",),
    ),
    Row(
        "B15: what goes over several lines is no JSON lines",
        _KINDS,
        (Edit("    if fragments and fragments >= disclosures:\n        return False\n", ""),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: one bad line among good ones hides none of them",
        _KINDS,
        (Edit("if fragments and fragments >= disclosures:", "if fragments:"),),
        (_LINES + "test_one_bad_line_among_good_ones_hides_none_of_them",),
    ),
    Row(
        "B15: a whole value that is no disclosure is no JSON lines",
        _KINDS,
        (Edit("return not count[LineKind.OTHER] and not is_text", "return not is_text"),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: an object around disclosures is none of them",
        _KINDS,
        (Edit("if not isinstance(value, dict) or _is_around_disclosures(value):", "if not isinstance(value, dict):"),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: UTF-16 is no JSON lines",
        _KINDS,
        (Edit('if raw.startswith(_UTF_16_MARKS) or b"\\0" in raw[:2]:', "if False:"),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: the demo reads a day as the other verbs read a file",
        "services/cli/demo/play.py",
        (Edit("line.raw for line in read_lines(stream)", "line for line in stream.read().splitlines()"),),
        (_LINES + "test_b15_the_demo_plays_nothing_of_it",),
    ),
    Row(
        "The demo reads a line that is too deep",
        "services/cli/demo/feeding.py",
        (Edit("except (ValueError, RecursionError):", "except ValueError:"),),
        (_LINES + "test_the_demo_plays_a_day_with_a_damaged_line",),
    ),
    Row(
        "B16: text is never markup",
        "services/cli/live_view.py",
        (Edit("markup=False", "markup=True"),),
        (f"{_HERE}test_b16_markup_in_a_name",),
    ),
    Row(
        "One check at every door",
        "services/gateway/request_handler.py",
        (Edit("return parse_json(raw)", "return Disclosure.model_validate_json(raw)"),),
        ("tests/doors/test_doors.py::test_every_door_gives_one_verdict",),
    ),
    Row(
        "The published document has the limits of a number",
        _DISCLOSURE,
        (Edit("StrictInt, Field(ge=0, le=130), WHOLE", "StrictInt, WHOLE, Field(ge=0, le=130)"),),
        ("tests/contract/test_one_verdict.py::test_both_sides_of_a_limit",),
    ),
    Row(
        "The published document has the forms of an identifier",
        _FIELDS,
        (Edit('Field(json_schema_extra={**published(f"(?:{_E164.pattern})?")})', "Field()"),),
        ("tests/contract/test_one_verdict.py::test_both_sides_of_a_limit",),
    ),
    Row(
        "The work before an error is bounded",
        "schemas/errors.py",
        (Edit("islice(every, MAX_PROBLEMS)", "islice(every, 100_000)"),),
        ("tests/unit/test_damaged_disclosures.py::test_work_before_an_error_is_bounded",),
    ),
    Row(
        "A record of a schema that is not known is not guessed",
        "schemas/codec.py",
        (
            Edit(
                "reader = READERS.get(data[:HEADER_BYTES])",
                'reader = READERS.get(data[:HEADER_BYTES]) or READERS[WRITERS["Disclosure"].header]',
            ),
        ),
        ("tests/contract/test_newer_writers.py::test_a_newer_record_is_rejected_whole_and_its_id_is_still_free",),
    ),
    Row(
        "A rejected record that still cannot be read is not sent again",
        "services/cli/rejected.py",
        (
            Edit(
                "name, fields = decode(record.value, *RECORDS)\n",
                "name, fields = decode(record.value, *RECORDS) if record.place.topic not in SERVICE_OF else ('', {})\n",
            ),
            Edit("        _refuse_disclosure(record, record.value, name, fields)\n", "        pass\n"),
        ),
        (
            "tests/integration/test_upgrade.py::test_a_record_of_a_newer_writer_is_decided_once_the_workers_are_upgraded",
        ),
    ),
)
