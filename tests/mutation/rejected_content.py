"""What staff see of a rejected record, and what sending one again refuses."""

from tests.mutation.row import Edit, Row

_CONTENT = "services/rejected_content.py"
_READABLE = "services/readable_text.py"
_REPLAY = "services/cli/rejected.py"
_SHOWN = "tests/unit/test_rejected_content.py::"
_UNSEEN = "tests/unit/test_review_unseen.py::test_a_rejected_record_is_seen_if_it_is_whole_and_opens"
_VERBS = "tests/integration/test_rejected_verbs.py::"

ROWS = (
    Row(
        "Rejected: what no person can read is unseen",
        "services/review/unseen.py",
        (Edit("return None if can_be_shown(found.kept) else NOT_SHOWN", "return None"),),
        (_UNSEEN,),
    ),
    Row(
        "Rejected: a sealed part is opened before it counts as seen",
        "services/review/unseen.py",
        (Edit(" and not has_sealed_part(found.kept):", ":"),),
        (_UNSEEN,),
    ),
    Row(
        "Rejected: bytes that are UTF-8 by chance are no text",
        _READABLE,
        (Edit("return not is_damaged and _has_words(text)", "return _has_words(text)"),),
        (_SHOWN + "test_bytes_that_say_nothing_to_a_person_are_not_shown",),
    ),
    Row(
        "Rejected: of two equal names both are shown",
        _CONTENT,
        (Edit("        fields = read_json(value)\n", "        fields = json.loads(value)\n"),),
        (_SHOWN + "test_of_two_equal_names_both_are_shown",),
    ),
    Row(
        "Rejected: a record is shown as lines",
        _CONTENT,
        (Edit('        yield from _field_lines(found[1], "    ")\n', '        yield f"    {found[1]}"\n'),),
        (_SHOWN + "test_a_record_is_shown_as_lines_with_its_line_breaks",),
    ),
    Row(
        "Rejected: JSON is shown with its line breaks",
        _CONTENT,
        (Edit("legible(mended(_with_line_breaks(line)))", "legible(line)"),),
        (_SHOWN + "test_json_is_shown_with_its_line_breaks_and_nothing_else_is_unescaped",),
    ),
    Row(
        "Rejected: sections are opened",
        _REPLAY,
        (Edit("return topics.opened_sections(record.value, master), None", "return [], None"),),
        (_VERBS + "test_a_record_of_ours_is_shown_with_its_words_and_its_section_opened",),
    ),
    Row(
        "Rejected: a header steers no terminal",
        _REPLAY,
        (Edit("{one_line(said)}", "{said}"),),
        (_VERBS + "test_a_header_steers_no_terminal",),
    ),
    Row(
        "Rejected: what comes of an outcome steers no terminal",
        "services/cli/messages.py",
        (Edit("{legible(text)}", "{text}"),),
        ("tests/unit/test_outside_text.py::test_what_comes_of_an_outcome_steers_no_terminal",),
    ),
    Row(
        "Rejected: a lane keeps a door's mark of an exercise",
        "streams/runtime/lane/rejection.py",
        (Edit("if is_exercise else ()", "if False else ()"),),
        ("tests/unit/test_rejection.py::test_the_mark_of_an_exercise_goes_along",),
    ),
    Row(
        "Rejected: a door marks an exercise that it keeps",
        "services/sdk/refused.py",
        (Edit('    why += [(REJECTED_EXERCISE, b"true")] if is_exercise else []\n', ""),),
        ("tests/unit/test_refused_bytes.py::test_a_refused_exercise_is_marked_wherever_it_is_kept",),
    ),
    Row(
        "Rejected: what came as an exercise is sent again as one",
        _REPLAY,
        (Edit('{"exercise": record.is_exercise or exercise}', '{"exercise": exercise}'),),
        (_VERBS + "test_a_line_stays_what_it_came_as",),
    ),
    Row(
        "Rejected: a real disclosure becomes no exercise by an option",
        _REPLAY,
        (Edit("    elif exercise and not disclosure.exercise:\n", "    elif False:\n"),),
        (_VERBS + "test_a_line_stays_what_it_came_as",),
    ),
    Row(
        "Rejected: an option that changes nothing is refused",
        _REPLAY,
        (Edit("    if exercise:\n        raise", "    if False:\n        raise"),),
        (_VERBS + "test_what_would_be_rejected_again_is_not_sent",),
    ),
    Row(
        "Rejected: a disclosure that ADMIT rejects again is not sent",
        _REPLAY,
        (Edit("        _refuse_disclosure(record, record.value, name, fields)\n", "        pass\n"),),
        (_VERBS + "test_what_would_be_rejected_again_is_not_sent",),
    ),
    Row(
        "Rejected: an exercise that does not say so is not sent as it came",
        _REPLAY,
        (Edit("    if record.is_exercise and not disclosure.exercise:\n", "    if False:\n"),),
        (_VERBS + "test_what_would_be_rejected_again_is_not_sent",),
    ),
    Row(
        "Rejected: a service's own word on an exercise counts",
        "services/rejected_records.py",
        (Edit('found[0] == "Disclosure" and bool(found[1]["exercise"])', "False"),),
        (_SHOWN + "test_a_rejected_exercise_is_known_by_its_mark_or_its_services_word",),
    ),
    Row(
        "Rejected: a name that is given twice hides no id",
        _CONTENT,
        (Edit("pairs = read_pairs(value)", "pairs = tuple(read_json(value).items())"),),
        (_SHOWN + "test_a_mended_record_is_compared_by_the_id_that_it_names",),
    ),
    Row(
        "Rejected: JSON is shown as the doors read it",
        _CONTENT,
        (
            Edit("        fields = read_json(value)\n", "        fields = json.loads(value)\n"),
            Edit("except (Invalid, RecursionError)", "except (ValueError, RecursionError)"),
        ),
        (_SHOWN + "test_json_is_shown_as_the_doors_read_it",),
    ),
    Row(
        "Rejected: JSON with a byte that is not UTF-8 can be read",
        _CONTENT,
        (Edit("        return is_readable_json(found[1])\n", "        return _is_utf_8(value)\n"),),
        (_SHOWN + "test_text_and_records_are_shown",),
    ),
    Row(
        "Rejected: an id is read as the doors read it",
        _CONTENT,
        (Edit("pairs = read_pairs(value)", "pairs = json.loads(value, object_pairs_hook=tuple)"),),
        (_SHOWN + "test_a_mended_record_is_compared_by_the_id_that_it_names",),
    ),
    Row(
        "Rejected: damaged JSON names an id too",
        _CONTENT,
        (Edit("return {found.decode() for found in _NAMED_ID.findall(value)}", "return set()"),),
        (_SHOWN + "test_a_mended_record_is_compared_by_the_id_that_it_names",),
    ),
    Row(
        "Rejected: a text without words is unseen",
        _READABLE,
        (Edit("return not is_damaged and _has_words(text)", "return not is_damaged"),),
        (_SHOWN + "test_bytes_that_say_nothing_to_a_person_are_not_shown",),
    ),
    Row(
        "Rejected: hexadecimal digits are no words",
        _READABLE,
        (Edit("    if _HEXADECIMAL.fullmatch(text):\n", "    if False:\n"),),
        (_SHOWN + "test_bytes_that_say_nothing_to_a_person_are_not_shown",),
    ),
    Row(
        "Rejected: invisible characters are no text",
        _READABLE,
        (Edit("formless = sum(len(found[0]) for found in _FORMLESS.finditer(text))", "formless = 0"),),
        (_SHOWN + "test_bytes_that_say_nothing_to_a_person_are_not_shown",),
    ),
    Row(
        "Rejected: binary content in JSON is unseen",
        _READABLE,
        (Edit("return not is_mostly_binary and (", "return ("),),
        (_SHOWN + "test_bytes_that_say_nothing_to_a_person_are_not_shown",),
    ),
)
