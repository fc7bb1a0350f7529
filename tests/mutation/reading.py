"""What every door reads of a sender's JSON and of a model, and the limits that come before the work."""

from tests.mutation.row import Edit, Row

_READER = "schemas/json_reader.py"
_ERRORS = "schemas/errors.py"
_FIELDS = "schemas/fields.py"
_DISCLOSURE = "schemas/disclosure.py"
_PRODUCER = "services/sdk/producer.py"
_OF_READER = "tests/unit/test_json_reader.py::"
_OF_ERRORS = "tests/unit/test_errors.py::"
_OF_SDK = "tests/unit/test_sdk_validates.py::"
_OF_DAMAGE = "tests/unit/test_damaged_disclosures.py::"
_BLANK = _OF_DAMAGE + "test_a_blank_field_of_a_form_counts_as_absent"

ROWS = (
    Row(
        "The length of a list is checked before its items",
        _FIELDS,
        (Edit("len(given) > count:", "False:"),),
        (_OF_READER + "test_the_length_of_a_list_is_checked_before_its_items",),
    ),
    Row(
        "The parts of a line are counted before any is made",
        _READER,
        (Edit("    _refuse_many_parts(text)\n", ""),),
        (_OF_READER + "test_the_parts_of_a_line_are_counted_before_any_is_made",),
    ),
    Row(
        "Text is not counted as parts of a line",
        _READER,
        (Edit('_STRING.sub("", text)', "text"),),
        (_OF_READER + "test_text_is_not_counted_as_parts",),
    ),
    Row(
        "A number has a limit of digits",
        _READER,
        (Edit("_short_int if _MANY_DIGITS.search(text) else None", "None"),),
        (_OF_READER + "test_a_number_is_not_read_digit_by_digit",),
    ),
    Row(
        "Control characters in text are read",
        _READER,
        (Edit("strict=False", "strict=True"),),
        (_OF_READER + "test_control_characters_in_text_are_read_as_they_are",),
    ),
    Row(
        "Padding alone is no line of a file",
        "schemas/json_reader.py",
        (Edit("not text_of(raw).strip(PADDING))", "not raw.strip())"),),
        (_OF_READER + "test_padded_lines_of_a_file_are_read_and_padding_alone_is_no_line",),
    ),
    Row(
        "A padded line of a file is taken for a disclosure",
        "services/cli/line_kinds.py",
        (Edit('raw.decode("utf-8", "replace").strip(PADDING)', 'raw.decode("utf-8", "replace")'),),
        (_OF_READER + "test_a_file_with_a_damaged_first_line_that_is_padded_is_read",),
    ),
    Row(
        "Refused bytes are read by the reader of the doors",
        "schemas/refused_bytes.py",
        (
            Edit("fields = read_json(raw)", "fields = json.loads(raw)"),
            Edit("except Invalid:", "except ValueError:"),
            Edit("from collections.abc", "import json\nfrom collections.abc"),
        ),
        (_OF_READER + "test_refused_bytes_are_sent_where_their_fields_say",),
    ),
    Row(
        "The size of the record counts, and not the line's",
        _DISCLOSURE,
        (Edit("if len(line) > MAX_DISCLOSURE_BYTES // 4:", "if len(line) > MAX_DISCLOSURE_BYTES:"),),
        (_OF_READER + "test_the_size_of_the_record_is_what_counts_at_every_door",),
    ),
    Row(
        "A line has one limit at every door",
        _DISCLOSURE,
        (Edit("if len(line) > MAX_LINE_BYTES:", "if False:"),),
        (_OF_READER + "test_a_line_that_is_longer_than_the_gateway_reads_is_too_large_at_every_door",),
    ),
    Row(
        "Text of a model is mended as that of a line",
        _FIELDS,
        (
            Edit(
                "BeforeValidator(lambda given: mended(given) if isinstance(given, str) else given)",
                "BeforeValidator(lambda given: given)",
            ),
        ),
        (_OF_SDK + "test_half_characters_of_a_model_are_mended_as_those_of_a_line",),
    ),
    Row(
        "Half a character in a name or a word has the verdict of another name or word",
        _DISCLOSURE,
        (Edit("        if _has_half_characters(found):", "        if False:"),),
        (_OF_SDK + "test_half_a_character_at_any_place_has_one_verdict",),
    ),
    Row(
        "A model's error shows no name of the sender",
        _DISCLOSURE,
        (Edit("        raise Invalid.from_validation(found, _KINDS, cls) from None", "        raise found"),),
        (_OF_SDK + "test_pydantics_own_error_shows_no_input",),
    ),
    Row(
        "A part's error quotes no value",
        _FIELDS,
        (Edit(", hide_input_in_errors=True", ""),),
        (_OF_SDK + "test_a_parts_error_quotes_no_value",),
    ),
    Row(
        "The SDK validates what it sends",
        _PRODUCER,
        (Edit("sent = validate(_fields_of(disclosure))", "sent = disclosure"),),
        (_OF_SDK + "test_a_copy_with_a_value_that_was_never_checked_is_not_sent",),
    ),
    Row(
        "The SDK leaves out no name that is not the contract's",
        _PRODUCER,
        (Edit("in vars(value).items()}", "in vars(value).items() if name in type(value).model_fields}"),),
        (_OF_SDK + "test_a_name_that_is_not_the_contracts_is_not_left_out",),
    ),
    Row(
        "A blank phone sinks no disclosure",
        _FIELDS,
        (Edit("    if value and not _E164", "    if not _E164"),),
        (_BLANK,),
    ),
    Row(
        "A blank identifier is noted",
        "streams/domain/identifier_forms.py",
        (Edit('if text == ""]', "if not given]"),),
        (_BLANK,),
    ),
    Row(
        "A blank identifier goes to no agency",
        "services/agency_profiles/projection.py",
        (Edit("for value in values if value))", "for value in values if value is not None))"),),
        (_BLANK,),
    ),
    Row(
        "Blank identifiers alone are none",
        _DISCLOSURE,
        (
            Edit(
                "if not (self.account or self.phone or self.email):",
                "if self.account is None and self.phone is None and self.email is None:",
            ),
        ),
        (_OF_DAMAGE + "test_a_disclosure_with_blank_identifiers_alone_has_none",),
    ),
    Row(
        "A name that is given twice is named with its path",
        _READER,
        (Edit("yield _unlinked((link, inner.name))", "yield (inner.name,)"),),
        (_OF_READER + "test_a_name_that_is_given_twice_is_named_with_its_path",),
    ),
    Row(
        "The path of a name that is given twice is bounded",
        _READER,
        (Edit("if len(shown) <= _LONGEST_PATH else", "if True else"),),
        (_OF_READER + "test_the_path_of_a_name_that_is_given_twice_is_bounded",),
    ),
    Row(
        "A name that is no text is not shown",
        _ERRORS,
        (Edit('frozenset(("extra_forbidden", "invalid_key"))', 'frozenset(("extra_forbidden",))'),),
        (_OF_ERRORS + "test_a_name_that_is_no_text_is_not_shown",),
    ),
    Row(
        "An unknown name is answered with the names that are allowed there",
        _ERRORS,
        (Edit("_names_at(model, given[:-1])", "_names_at(model, ())"),),
        (_OF_ERRORS + "test_an_unknown_name_is_answered_with_the_names_that_are_allowed_there",),
    ),
    Row(
        "The name of a kind hides no index",
        _ERRORS,
        (Edit("if index >= end or not _is_tag", "if not _is_tag"),),
        (_OF_ERRORS + "test_the_name_of_a_kind_is_a_name_like_any_other",),
    ),
)
