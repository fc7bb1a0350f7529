"""Hand-over at DECIDE: open reports, time that counts for their limits, and what staff and agencies say of them."""

from tests.mutation.row import Edit, Row

_REPORTS = "streams/agents/open_reports.py"
_DECIDE = "tests/unit/test_decide_hand_over.py::"
_SETTLED = "tests/unit/test_decide_hand_over_settled.py::"
_PHONE = "tests/unit/test_decide_told_by_phone.py::"
_ABSENCE = "tests/unit/test_decide_absence.py::"
_STEPS = "tests/unit/test_decide_deliveries.py::"
_WITHDRAWN = "tests/unit/test_decide_withdrawn.py::"
_REVIEWS = "streams/agents/open_reviews.py"
_SETTLE = "streams/agents/settle.py"

ROWS = (
    Row(
        "A report that nobody acknowledges is a human's at its limit",
        _REPORTS,
        (
            Edit(
                "turn.schedule(name_of(model.report_id), turn.now + limit_of(model.agency), origin=case.origin)",
                "pass",
            ),
        ),
        (_DECIDE + "test_a_report_without_an_acknowledgement_is_handed_over_at_its_limit",),
    ),
    Row(
        "Time in which the lane was away counts for no limit",
        "streams/agents/beat.py",
        (Edit("            silence = _BEAT_SECONDS if self._is_new else _OUTAGE_SECONDS\n", "            pass\n"),),
        (_ABSENCE + "test_time_in_which_the_lane_was_away_counts_for_no_limit",),
    ),
    Row(
        "A short silence counts",
        "streams/agents/beat.py",
        (Edit("        silence = max(0.0, now - beat.alive_at)\n", "        silence = 0.0\n"),),
        (_ABSENCE + "test_a_short_silence_counts",),
    ),
    Row(
        "A late acknowledgement settles the review",
        _REPORTS,
        (Edit("        self._reviews.close_acknowledged(case,", "        (lambda *_: None)(case,"),),
        (_DECIDE + "test_a_late_acknowledgement_settles_the_review",),
    ),
    Row(
        "What is said of an earlier sending says nothing of this one",
        _REPORTS,
        (Edit("entry.is_withdrawn or changed.generation != entry.generation", "entry.is_withdrawn"),),
        (_SETTLED + "test_sent_again_it_is_the_same_report_with_a_new_limit_and_a_review_of_its_own",),
    ),
    Row(
        "A report that was withdrawn and reached its agency after all is told of",
        _REPORTS,
        (
            Edit(
                "        self._put(turn, report_id, withdrawn, until=_WITHDRAWN_FOR)\n",
                "        turn.drop(name_of(report_id))\n",
            ),
        ),
        (_SETTLED + "test_withdrawn_ends_the_attempts_and_the_notice_says_that_the_agency_was_not_told",),
    ),
    Row(
        "A report that its agency has fails no more",
        _REPORTS,
        (Edit("turn.put(_DONE + report_id.encode(), value", 'turn.put(_DONE + b"other", value'),),
        (_DECIDE + "test_an_acknowledged_report_is_closed_and_its_notice_is_written_again",),
    ),
    Row(
        "A call by phone before the report or after now settles nothing",
        _SETTLE,
        (Edit("        if outcome.told_at is not None:\n", "        if False:\n"),),
        (_PHONE + "test_told_by_phone_before_the_report_or_after_now_leaves_the_review_open",),
    ),
    Row(
        "An absence is one, however many reports wait",
        "streams/agents/beat.py",
        (
            Edit("beat.reports > 0 and (self._is_new or turn", "beat.reports > 0 and (turn"),
            Edit("        self._is_new = False\n", ""),
        ),
        (_ABSENCE + "test_an_absence_ends_once_however_many_reports_wait",),
    ),
    Row(
        "Absences together give a limit an end",
        "streams/agents/beat.py",
        (Edit("silence = _BEAT_SECONDS if self._is_new", "silence = 0.0 if self._is_new"),),
        (_ABSENCE + "test_a_lane_that_opens_again_and_again_hands_over_at_last",),
    ),
    Row(
        "A lane whose turns are far apart is at work",
        "streams/agents/beat.py",
        (Edit("self._is_new else _OUTAGE_SECONDS", "self._is_new else 0.0"),),
        (_ABSENCE + "test_a_lane_whose_turns_are_far_apart_hands_over_at_the_limit",),
    ),
    Row(
        "A second sending has a limit of its own",
        _REPORTS,
        (Edit('                "worked": self._beat.worked(turn),\n', ""),),
        (_ABSENCE + "test_a_second_sending_is_moved_by_its_own_absences_alone",),
    ),
    Row(
        "What is kept of a withdrawn report ends",
        _REPORTS,
        (Edit("withdrawn, until=_WITHDRAWN_FOR)", "withdrawn)"),),
        (_WITHDRAWN + "test_the_entries_of_a_withdrawn_report_end_although_an_attempt_was_under_way",),
    ),
    Row(
        "A withdrawn report is open no more",
        _REPORTS,
        (
            Edit(
                "        self._beat.count(turn, -1)\n        self._put_done(turn, report_id, report",
                "        self._put_done(turn, report_id, report",
            ),
        ),
        (_WITHDRAWN + "test_a_withdrawn_report_is_not_open_and_leaves_the_lane_idle",),
    ),
    Row(
        "Only what is known is said of a withdrawn report",
        _REPORTS,
        (Edit("NoticeStands.MAYBE_TOLD if may_have_reached else NoticeStands.NOT_TOLD", "NoticeStands.NOT_TOLD"),),
        (_WITHDRAWN + "test_after_an_attempt_with_an_unknown_outcome_we_may_have_told",),
    ),
    Row(
        "A refused attempt of a later sending ends no doubt of an earlier one",
        "streams/domain/hand_over.py",
        (Edit("        return EARLIER_SENDING\n", "        pass\n"),),
        (_WITHDRAWN + "test_a_later_sending_that_was_refused_leaves_the_doubt_of_the_earlier_one",),
    ),
    Row(
        "Withdrawn as reported already is not said to be untold",
        _REPORTS,
        (Edit("        return NoticeStands.ALREADY_TOLD\n", "        pass\n"),),
        (_WITHDRAWN + "test_withdrawn_because_the_agency_was_told_already_says_so",),
    ),
    Row(
        "An attempt that is heard of late corrects what was said",
        _REPORTS,
        (Edit("                self._write_notice(case, entry, NoticeStands.MAYBE_TOLD)\n", "                pass\n"),),
        (_WITHDRAWN + "test_an_attempt_that_is_read_after_the_withdrawal_corrects_the_notice_once",),
    ),
    Row(
        "Only its own agency says how a report ends",
        _REPORTS,
        (Edit("    if changed.agency != agency:\n", "    if False:\n"),),
        (_STEPS + "test_a_step_of_another_agency_is_rejected_and_changes_nothing",),
    ),
    Row(
        "A sending that never was says nothing",
        _REPORTS,
        (Edit("if sent is not None and changed.generation > sent:", "if False:"),),
        (_STEPS + "test_a_step_of_an_unknown_sending_is_rejected",),
    ),
    Row(
        "A number of sendings is bounded",
        "schemas/reports.py",
        (Edit("Field(ge=1, le=MOST_SENDINGS)", "Field(ge=1)"),),
        (_STEPS + "test_a_generation_beyond_all_bounds_is_rejected_at_once",),
    ),
    Row(
        "The review of an unknown report is closed by the agency that it names",
        _REVIEWS,
        (Edit(" and about.agency is changed.agency:", ":"),),
        (_STEPS + "test_an_unknown_report_is_acknowledged_only_by_the_agency_of_its_review",),
    ),
    Row(
        "An acknowledgement closes every review of its report",
        _REVIEWS,
        (
            Edit(
                '        ids = (turn.get(_OF_REPORT + changed.report_id.encode()) or b"").split()\n',
                "        ids = []\n",
            ),
        ),
        (_STEPS + "test_an_acknowledgement_closes_every_review_of_the_report",),
    ),
    Row(
        "A second sending that cannot be read is a human's",
        _REPORTS,
        (Edit("            if not self._reviews.is_known(turn, review_id):\n", "            if generation == 1:\n"),),
        (_STEPS + "test_a_second_sending_whose_entry_cannot_be_read_goes_to_a_human",),
    ),
    Row(
        "A report whose entry cannot be read can be settled",
        "streams/agents/report_entry.py",
        (Edit("    except (Invalid, ValidationError):\n", "    except LookupError:\n"),),
        (_STEPS + "test_a_review_of_a_report_whose_entry_cannot_be_read_escalates_and_is_settled",),
    ),
    Row(
        "A beat that is put aside survives an entry that cannot be read",
        _REPORTS,
        (Edit("[readable(value) for", "[(open_report(turn, _.removeprefix(PREFIX).decode()), None) for"),),
        (_STEPS + "test_a_beat_that_is_put_aside_survives_an_entry_that_cannot_be_read",),
    ),
    Row(
        "A failure without a person is its person's",
        _REPORTS,
        (Edit('            case = replace(case, key=fields["person"].encode())\n', ""),),
        (_STEPS + "test_a_failure_without_a_person_opens_one_review_with_the_key_of_the_person",),
    ),
)
