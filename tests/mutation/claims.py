"""What a record states of its times and of who confirmed it counts only as far as it can be true and is proved."""

from tests.mutation.row import Edit, Row

_FACTS = "streams/domain/policy/facts.py"
_REVIEWS = "streams/domain/reviews.py"
_CHANNELS = "streams/domain/channels.py"
_ADMISSION = "streams/domain/admission.py"
_KEYS = "services/cli/keys.py"
_CONFIRMATION = "tests/unit/test_policy_confirmation.py::"
_TIMES = "tests/unit/test_policy_times.py::"
_MARKS = "tests/unit/test_channels.py::"
_KEYS_CLI = "tests/unit/test_keys_cli.py::"
_ONCE_SAFE = _MARKS + "test_a_mark_of_a_time_before_the_services_existed_is_newest_if_unsafe_and_oldest_if_safe"

ROWS = (
    Row(
        "Confirmation: under `signed` the word of a service confirms nothing",
        _FACTS,
        (Edit("return stated and policy.confirmation is Confirmation.SERVICE", "return stated"),),
        (
            _CONFIRMATION + "test_signed_what_the_service_states_is_a_note_and_confirms_nothing",
            _CONFIRMATION + "test_an_emergency_that_only_the_service_confirmed_alarms_a_person_and_reports_nothing",
        ),
    ),
    Row(
        "Confirmation: a signed outcome confirms whatever the service stated",
        "streams/agents/settle.py",
        (Edit("unsafe_channels=channels, signed=signed)", "unsafe_channels=channels)"),),
        (_CONFIRMATION + "test_a_signed_confirmation_then_reports",),
    ),
    Row(
        "Confirmation: what is signed has a ruling of its own in the cache",
        "streams/domain/policy/cache_key.py",
        (Edit("        signed,\n", ""),),
        (_CONFIRMATION + "test_a_signed_confirmation_then_reports",),
    ),
    Row(
        "Confirmation: a report that was sent stays confirmed",
        _REVIEWS,
        (Edit("rule(disclosed, None if review.sent is None else outcome.role)", "rule(disclosed, None)"),),
        (_CONFIRMATION + "test_a_question_beside_a_signed_report_may_be_refused_and_the_report_stays_confirmed",),
    ),
    Row(
        "Time: a disclosure from before the services existed is not out of scope",
        _FACTS,
        (Edit("None if unknown_time(disclosed.disclosed_at, earliest) else at >=", "at >="),),
        (_TIMES + "test_a_time_before_the_services_existed_is_asked_for_beside_what_follows",),
    ),
    Row(
        "Time: an assessment from before the services existed excludes nothing",
        _FACTS,
        (Edit("        return True if since else None, None\n", "        return since, None\n"),),
        (_TIMES + "test_an_assessment_that_cannot_be_true_leaves_the_other_time_in_doubt",),
    ),
    Row(
        "Time: nobody's age counts from a time before the services existed",
        "streams/domain/policy/times.py",
        (Edit("assessed_at if unknown_time(at, earliest) else min(at, assessed_at)", "min(at, assessed_at)"),),
        (_TIMES + "test_ages_count_from_the_time_that_is_left",),
    ),
    Row(
        "Age: no agency gets a date of birth that cannot be a person's",
        "services/agency_profiles/projection.py",
        (Edit("if each and is_possible(each, report.reported_at)", "if each"),),
        ("tests/unit/test_projections.py::test_no_agency_gets_a_date_of_birth_that_cannot_be_a_persons",),
    ),
    Row(
        "Time: a mark counts from no time after its assessment",
        _CHANNELS,
        (
            Edit(
                "disclosed.contact, when_disclosed(disclosed, earliest, now)",
                "disclosed.contact, disclosed.disclosed_at",
            ),
        ),
        (_TIMES + "test_a_safe_mark_of_2035_does_not_outweigh_a_later_unsafe_one",),
    ),
    Row(
        "Time: an unsafe mark from before the services existed is the newest",
        _CHANNELS,
        (
            Edit(
                "at = disclosed.disclosed_at if contact.safe_to_contact else max(now, newest)",
                "at = disclosed.disclosed_at",
            ),
        ),
        (_ONCE_SAFE, _TIMES + "test_an_unsafe_mark_of_a_clock_that_was_never_set_counts"),
    ),
    Row(
        "Time: an unsafe mark of an unknown time is the newest also for a clock that is behind",
        _CHANNELS,
        (Edit("else max(now, newest)", "else now"),),
        (_MARKS + "test_an_unsafe_mark_of_an_unknown_time_is_the_newest_also_for_a_clock_that_is_behind",),
    ),
    Row(
        "Time: a safe mark from before the services existed is the oldest",
        _CHANNELS,
        (
            Edit(
                "at = disclosed.disclosed_at if contact.safe_to_contact else max(now, newest)", "at = max(now, newest)"
            ),
        ),
        (_ONCE_SAFE,),
    ),
    Row(
        "Time: a time after the arrival is noted",
        _ADMISSION,
        (Edit("    if assessed_at > latest:\n", "    if False:\n"),),
        (_TIMES + "test_a_time_after_the_arrival_is_noted_if_it_is_later_by_more_than_the_tolerance",),
    ),
    Row(
        "Time: staff give a time only if it is asked for",
        _REVIEWS,
        (Edit("if fact.path not in review.request.asks:", "if False:"),),
        (_TIMES + "test_a_time_is_taken_only_if_it_is_asked_for_and_possible",),
    ),
    Row(
        "Time: staff give no time after their outcome",
        _REVIEWS,
        (Edit(" or at > outcome.decided_at:", ":"),),
        (_TIMES + "test_a_time_is_taken_only_if_it_is_asked_for_and_possible",),
    ),
    Row(
        "Option: nothing is decided at a time before the first version",
        "services/cli/decide.py",
        (Edit("    if at < known.first_from:\n", "    if False:\n"),),
        ("tests/unit/test_decide_cli.py::test_a_time_before_the_first_version_is_refused",),
    ),
    Row(
        "Option: a person who is not on the rota gets no key",
        _KEYS,
        (Edit("    _refuse_unless_on_rota(name)\n    made", "    made"),),
        (_KEYS_CLI + "test_a_person_who_is_not_on_the_rota_gets_no_key",),
    ),
    Row(
        "Option: a key of staff that was there is read",
        _KEYS,
        (Edit('        read_key(folder / STAFF_FOLDER / f"{name}.key")\n', "        pass\n"),),
        (_KEYS_CLI + "test_a_key_that_was_there_and_cannot_be_used_is_refused",),
    ),
    Row(
        "Option: the keys that were there are read",
        _KEYS,
        (Edit("    Keys.load(folder)\n", ""),),
        (_KEYS_CLI + "test_keys_that_were_there_and_cannot_be_used_are_refused_when_the_others_are_made",),
    ),
    Row(
        "Option: no two files hold one key",
        "services/settings.py",
        (Edit("if first.setdefault(key, name) != name:", "if False:"),),
        (_KEYS_CLI + "test_one_key_in_two_files_is_refused",),
    ),
    Row(
        "Option: an existing topic keeps the settings of the copies that it has",
        "infra/topics.py",
        (Edit("            raise CopiesDiffer(others)\n", "            pass\n"),),
        ("tests/integration/test_topics_apply.py::test_more_copies_than_a_topic_has_change_nothing",),
    ),
)
