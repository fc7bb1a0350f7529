"""Repeats are found first: one id, one lane, and the first content stands."""

from tests.mutation.row import Edit, Row

_REPEATS = "tests/unit/test_admit_repeats.py"
_CONTENT = "tests/unit/test_content.py"
_ADMITTED = "tests/unit/test_admit.py"
_ADMIT = "streams/agents/admit.py"
_KNOWN = "streams/agents/known_ids.py"

ROWS = (
    Row(
        "Repeats: an id is remembered",
        _KNOWN,
        (Edit("    turn.put(name, f", "    f"), Edit(".encode(), until=turn.now + _KNOWN_FOR)\n", ".encode()\n")),
        (f"{_REPEATS}::test_a_repeat_changes_nothing",),
    ),
    Row(
        "Repeats: ids count for each service",
        _KNOWN,
        (
            Edit(
                '_SEEN + sender_of(service, exercise=exercise).encode() + b"|" + disclosure_key',
                "_SEEN + disclosure_key",
            ),
        ),
        (f"{_REPEATS}::test_ids_count_for_each_service",),
    ),
    Row(
        "Repeats: an id is the same in capital letters",
        "schemas/fields.py",
        (Edit("    return value.lower()\n", "    return value\n"),),
        (f"{_REPEATS}::test_an_id_in_capital_letters_is_the_same_id",),
    ),
    Row(
        "Repeats: a record's key is its id in lower case",
        "schemas/disclosure.py",
        (Edit("return disclosure_id.lower().encode()", "return disclosure_id.encode()"),),
        ("tests/unit/test_addressing.py::test_the_key_is_the_id_however_its_letters_are_written",),
    ),
    Row(
        "Repeats: an id goes on from ADMIT in lower case",
        _ADMIT,
        (Edit('        fields["disclosure_id"] = disclosure.disclosure_id\n', ""),),
        (f"{_REPEATS}::test_an_id_in_capital_letters_goes_on_in_small_ones",),
    ),
    Row(
        "Repeats: other content is rejected",
        _ADMIT,
        (Edit("        if first.is_repeated_by(accepted.digest):\n", "        if first is not None:\n"),),
        (f"{_REPEATS}::test_other_content_is_rejected_and_reported_for_review_with_the_first",),
    ),
    Row(
        "Repeats: content is what a record says, whatever bytes it has",
        _ADMIT,
        (Edit("digest_of(disclosure_content(fields), key", "digest_of(value, key"),),
        (f"{_REPEATS}::test_the_same_content_in_other_bytes_changes_nothing",),
    ),
    Row(
        "Repeats: what has its default is no content",
        "schemas/content.py",
        (Edit("        if value != default:\n", "        if True:\n"),),
        (f"{_CONTENT}::test_a_field_of_a_later_version_that_is_not_given_changes_no_content",),
    ),
    Row(
        "Repeats: the order of a schema's fields is no content",
        "schemas/content.py",
        (Edit('sorted(schema["fields"], key=lambda field: field["name"])', 'schema["fields"]'),),
        (f"{_CONTENT}::test_a_field_of_a_later_version_that_is_not_given_changes_no_content",),
    ),
    Row(
        "Repeats: no release changes the form of what was kept",
        "schemas/content.py",
        (Edit("ascii(_without_defaults(plan, fields))", "repr(_without_defaults(plan, fields))"),),
        (f"{_CONTENT}::test_no_release_changes_the_form_of_what_was_kept",),
    ),
    Row(
        "Repeats: the first content stands",
        _KNOWN,
        (
            Edit(
                "    if seen is not None:\n",
                "    if seen is not None and same_content(seen.decode().split('|')[0], digest):\n",
            ),
        ),
        (f"{_REPEATS}::test_the_first_content_counts_however_often_others_come",),
    ),
    Row(
        "Repeats: a person looks at a conflict on a routine topic too",
        "streams/agents/rejecting.py",
        (Edit("in URGENT or isinstance(invalid, IdConflict) or has_urgent_facts", "in URGENT or has_urgent_facts"),),
        (f"{_REPEATS}::test_other_content_is_rejected_and_reported_for_review_with_the_first",),
    ),
    Row(
        "Repeats: the place of the first is that of its record",
        _KNOWN,
        (Edit("which = _URGENT if record.topic in URGENT else _ROUTINE", "which = _URGENT"),),
        (f"{_REPEATS}::test_the_position_of_the_first_is_that_of_its_record",),
    ),
    Row(
        "ADMIT: a record is of its topic's service",
        _ADMIT,
        (
            Edit(
                "if disclosure.service is not (own := SERVICE_OF[record.topic]):", "if not (own := disclosure.service):"
            ),
        ),
        (f"{_ADMITTED}::test_a_record_of_another_service_than_its_topic_s_is_rejected_and_its_id_is_still_free",),
    ),
    Row(
        "ADMIT: what may be urgent under another service's name is looked at",
        "streams/agents/rejecting.py",
        (Edit("isinstance(invalid, IdConflict) or has_urgent_facts", "isinstance(invalid, IdConflict)"),),
        (f"{_ADMITTED}::test_an_urgent_record_in_the_name_of_another_service_opens_a_review_on_any_topic",),
    ),
    Row(
        "Time: a moved record arrived when it first did",
        _ADMIT,
        (Edit("    return min(arrived_at, at_micros(int(first)))", "    return arrived_at"),),
        (f"{_REPEATS}::test_a_claim_of_a_moved_record_counts_no_later_than_its_first_arrival",),
    ),
    Row(
        "Time: a header of a record makes it arrive no later",
        _ADMIT,
        (Edit("    return min(arrived_at, at_micros(int(first)))", "    return at_micros(int(first))"),),
        (f"{_REPEATS}::test_a_claim_of_a_moved_record_counts_no_later_than_its_first_arrival",),
    ),
    Row(
        "Repeats: the same other content is one review",
        "streams/domain/ids.py",
        (Edit('_derive("conflict", sender, disclosure, digest)', '_derive("conflict", sender, disclosure)'),),
        (f"{_REPEATS}::test_the_same_other_content_is_one_review_and_a_third_content_another",),
    ),
    Row(
        "Repeats: what lies in another partition is moved",
        _ADMIT,
        (Edit("if partition_for(key, self._partitions) != record.partition:", "if not key:"),),
        (f"{_REPEATS}::test_a_record_in_another_partition_is_moved_unchanged_to_its_own",),
    ),
    Row(
        "Repeats: a known id ends",
        _KNOWN,
        (Edit(".encode(), until=turn.now + _KNOWN_FOR)", ".encode())"),),
        (f"{_REPEATS}::test_an_id_is_known_until_its_end_and_then_forgotten",),
    ),
    Row(
        "Repeats: a person's id is of the first token too",
        "streams/domain/ids.py",
        (
            Edit(
                '_derive("person", sender, first_disclosure, first_token)',
                '_derive("person", sender, first_disclosure)',
            ),
        ),
        (
            "tests/unit/test_identity_agent.py::test_an_id_that_is_used_again_much_later_for_another_person_joins_no_persons",
        ),
    ),
    Row(
        "Repeats: a decision's id is of the service too",
        "streams/domain/ids.py",
        (Edit('_derive("decision", sender, disclosure, caused_by)', '_derive("decision", disclosure, caused_by)'),),
        ("tests/unit/test_decide_agent.py::test_the_same_id_of_both_services_is_decided_for_each",),
    ),
    Row(
        "ADMIT's routine turns have a budget of their own",
        "streams/app.py",
        (Edit("            routine_turn_seconds=_ADMIT_ROUTINE_TURN_SECONDS,\n", ""),),
        ("tests/unit/test_lane_groups.py::test_at_admit_one_lane_has_both_services_urgent_and_routine_topics",),
    ),
    Row(
        "A routine turn lasts as long as its group says",
        "streams/runtime/lane/slices.py",
        (
            Edit(
                "return TURN_SECONDS if routine is None or topic in self._lane.group.urgent else routine",
                "return TURN_SECONDS",
            ),
        ),
        ("tests/integration/test_runtime_lanes.py::test_a_routine_turn_lasts_as_long_as_its_group_says",),
    ),
)
