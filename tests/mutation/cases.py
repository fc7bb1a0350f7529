"""The mend of each case of `tests/cases` that has an input, and of upgrades: without it the case is a fault again.

The other cases have their rows beside the rules of their part, for example repeats, clocks, or what is put aside.
"""

from tests.mutation.row import Edit, Row

_HERE = "tests/cases/test_inputs.py::"
_FIELDS = "schemas/fields.py"
_READER = "schemas/json_reader.py"
_FORMS = "streams/domain/identifier_forms.py"
_KINDS = "services/cli/line_kinds.py"
_RUNS = "services/cli/value_runs.py"
_LINES = "tests/unit/test_disclosure_lines.py::"
_PLACEHOLDERS = "streams/domain/placeholders.py"
_TIMES = "tests/unit/test_policy_times.py::"
_TOKENS = "tests/unit/test_tokens.py::"

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
            Edit("if is_no_phone(phone):", "if not phone:"),
            Edit("!= phonenumbers.ValidationResult.IS_POSSIBLE", "is None"),
        ),
        (f"{_HERE}test_b04_withheld_number",),
    ),
    Row(
        "B04: a withheld number is one after any country code",
        _FORMS,
        (Edit("range(_COUNTRY_DIGITS + 1)", "range(1)"),),
        (f"{_TOKENS}test_a_number_that_no_phone_has_or_that_was_withheld_is_nobodys_token",),
    ),
    Row(
        "B04: a number of one digit is nobody's token",
        _FORMS,
        (Edit(" or is_no_number(digits[length:])", ""),),
        (f"{_TOKENS}test_a_number_that_no_phone_has_or_that_was_withheld_is_nobodys_token",),
    ),
    Row(
        "B04: a word for no account is nobody's token",
        _PLACEHOLDERS,
        (Edit(" or _is_none(_core(named))", ""),),
        (f"{_TOKENS}test_an_account_that_is_a_word_or_a_blank_for_none_makes_no_token",),
    ),
    Row(
        "B04: blanks are no account",
        _PLACEHOLDERS,
        (Edit(" or not any(_names(each) for each in named)", ""),),
        (f"{_TOKENS}test_an_account_that_is_a_word_or_a_blank_for_none_makes_no_token",),
    ),
    Row(
        "B04: a word for no mailbox is nobody's token",
        _FORMS,
        (Edit(' or is_no_mailbox(found["local"], domain)', ""),),
        (f"{_TOKENS}test_text_that_is_no_address_makes_no_token",),
    ),
    Row(
        "B04: no agency gets a withheld number as a phone",
        "services/agency_profiles/projection.py",
        (Edit("(None if is_no_phone(phone) else phone)", "phone"),),
        ("tests/unit/test_projections.py::test_no_agency_gets_an_identifier_by_which_nobody_can_be_reached",),
    ),
    Row(
        "B04: a template that was not filled is no account",
        _PLACEHOLDERS,
        (Edit(" or _is_template(named)", ""),),
        (f"{_TOKENS}test_an_account_that_is_a_word_or_a_blank_for_none_makes_no_token",),
    ),
    Row(
        "B04: each prefix of an account is passed over",
        _PLACEHOLDERS,
        (Edit("    while (parts := named", "    if (parts := named"),),
        (f"{_TOKENS}test_an_account_that_is_a_word_or_a_blank_for_none_makes_no_token",),
    ),
    Row(
        "B04: no mailbox is in a reserved domain",
        _PLACEHOLDERS,
        (Edit(" or domain.casefold().endswith(_NO_DOMAINS)", ""),),
        (f"{_TOKENS}test_text_that_is_no_address_makes_no_token",),
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
        (Edit("isinstance(part, int) or part in names", "True"),),
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
        "B08: a date that software writes for an unknown birth is no fact",
        "streams/domain/policy/age.py",
        (Edit("    if born in BIRTHS:\n", "    if born in ():\n"),),
        ("tests/unit/test_policy_age.py::test_limits_of_age",),
    ),
    Row(
        "B08: a ruling with a placeholder for a birth is not taken from the cache of another birth",
        "streams/domain/policy/cache_key.py",
        (Edit("    if born in BIRTHS:\n", "    if born in ():\n"),),
        ("tests/unit/test_policy_age.py::test_a_placeholder_after_a_birth_of_as_many_years_is_unknown_all_the_same",),
    ),
    Row(
        "B08: a day on which reset clocks begin is no time",
        "streams/domain/policy/times.py",
        (Edit(" if at < RESETS_END and at.date() in RESET_DAYS else None", " if at is None else None"),),
        (f"{_TIMES}test_a_time_of_a_clock_that_was_reset_is_asked_for_and_is_never_out_of_scope",),
    ),
    Row(
        "B10: what is written around an address changes no token",
        _FORMS,
        (Edit("_EMAIL.fullmatch(_bare(text_form(email)))", "_EMAIL.fullmatch(text_form(email))"),),
        (f"{_TOKENS}test_an_email_is_the_same_however_it_was_written",),
    ),
    Row(
        "B10: a domain in ASCII is checked too",
        _FORMS,
        (Edit(" and _DOMAIN.fullmatch(domain) else None", " else None"),),
        (f"{_TOKENS}test_text_that_is_no_address_makes_no_token",),
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
        (Edit("text_of(raw).strip(PADDING)\n    _refuse", "text_of(raw).strip()\n    _refuse"),),
        (f"{_HERE}test_b12_byte_order_mark",),
    ),
    Row(
        "B15: a file of another format is one error",
        "services/cli/disclosure_lines.py",
        (Edit("    if not judge.are_json_lines():", "    if False:"),),
        (f"{_HERE}test_b15_pretty_printed",),
    ),
    Row(
        "B15: a pipe of another format is one error",
        "services/cli/disclosure_lines.py",
        (Edit("    if not are_json_lines(line.raw for line in looked_at):", "    if False:"),),
        (_LINES + "test_b15_a_pipe_is_judged_by_what_came_first",),
    ),
    Row(
        "B15: what goes over several lines is no JSON lines",
        _KINDS,
        (Edit("if self._runs.found or (parts and parts >= disclosures):", "if self._runs.found:"),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: one bad line among good ones hides none of them",
        _KINDS,
        (Edit("(parts and parts >= disclosures):", "parts:"),),
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
        (Edit('if bare.startswith(_UTF_16_MARKS) or b"\\0" in bare[:2]:', "if False:"),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: a value over several lines is found anywhere in a file",
        _KINDS,
        (Edit("if self._runs.found or (parts", "if (parts"),),
        (_LINES + "test_b15_a_value_over_several_lines_is_found_anywhere_in_a_file",),
    ),
    Row(
        "B15: a file is judged by all its lines",
        "services/cli/disclosure_lines.py",
        (Edit("    if stream.seekable():", "    if False:"),),
        (_LINES + "test_b15_a_value_over_several_lines_is_found_anywhere_in_a_file",),
    ),
    Row(
        "B15: a value whose opening is damaged is one",
        _RUNS,
        (Edit("self.found |= self._parts >= _PARTS and self._named >= _NAMED", "pass"),),
        (_LINES + "test_b15_a_value_over_several_lines_is_found_anywhere_in_a_file",),
    ),
    Row(
        "B15: a value that is cut off is one",
        _RUNS,
        (Edit("self.found |= is_closed or self._going_on >= _GOING_ON", "self.found |= is_closed"),),
        (_LINES + "test_b15_a_value_over_several_lines_is_found_anywhere_in_a_file",),
    ),
    Row(
        "B15: parts without names are damaged lines",
        _RUNS,
        (Edit(" and self._named >= _NAMED", ""),),
        (_LINES + "test_three_bad_lines_among_many_good_ones_are_errors_of_their_own",),
    ),
    Row(
        "B15: a line that is broken in two is two damaged lines",
        _RUNS,
        (Edit(" and self._lines >= _CLOSED", ""),),
        (_LINES + "test_a_line_that_is_broken_in_two_hides_none_of_the_others",),
    ),
    Row(
        "B15: punctuation after each line is another format",
        _KINDS,
        (Edit("if count[LineKind.ENDED] > max(1, disclosures):", "if False:"),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: a bulk file is another format",
        _KINDS,
        (Edit(" + count[LineKind.ACTION]", ""),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: a script or a document on one line is another format",
        _KINDS,
        (Edit("if _SCRIPT.match(text) or _XML.match(text):", "if False:"),),
        (_LINES + "test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Row(
        "B15: a header alone is another format",
        _KINDS,
        (Edit("LineKind.OTHER if len(names & _FIELDS) > 1 else LineKind.TEXT", "LineKind.TEXT"),),
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
