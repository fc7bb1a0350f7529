"""Notices go by channels that are safe when they are told, and are tried again once more is known."""

from tests.mutation.row import Edit, Row

_CHANNELS = "tests/unit/test_decide_notice_channels.py::"
_BY_CHANNEL = "tests/unit/test_notice_channels.py::"
_ORDERS = "tests/unit/test_notice_orders.py::"
_TELLING = "streams/agents/notices.py"
_PROGRESS = "services/notifier/notice_progress.py"
_NOTIFIER = "services/notifier/notifier.py"

_PROCESS = "tests/integration/test_notifier_process.py"
_ACKNOWLEDGED = "tests/unit/test_notices_acknowledged.py"

ROWS = (
    Row(
        "A notice is written by channels that are safe by then",
        _TELLING,
        (Edit("narrowed(notice, self.unsafe(turn, person)))\n        if", "notice)\n        if"),),
        (_CHANNELS + "test_a_channel_that_is_marked_unsafe_later_is_not_in_the_next_notice",),
    ),
    Row(
        "A notice that waits is written again when a channel of it is marked unsafe",
        _TELLING,
        (Edit("        if not unsafe(after) <= unsafe(before):\n", "        if False:\n"),),
        (_CHANNELS + "test_a_notice_that_waits_is_written_again_with_the_channels_that_are_left",),
    ),
    Row(
        "A notice that waits loses the channels that were marked unsafe",
        _PROGRESS,
        (Edit("            return self.replaced(due=fewer)\n", "            return self\n"),),
        (_BY_CHANNEL + "test_a_notice_that_waits_goes_by_the_channels_that_are_left",),
    ),
    Row(
        "No record that is read again brings a channel back",
        _PROGRESS,
        (
            Edit("return self.replaced(due=fewer)", "return self.replaced(due=due)"),
            Edit("    if len(channels) == len(known.channels):\n        return None\n", ""),
        ),
        (_BY_CHANNEL + "test_a_record_that_is_read_again_brings_no_channel_back",),
    ),
    Row(
        "A notice that was said is not settled again when its channels are gone",
        _NOTIFIER,
        (Edit(" and (says is not None or progress.said is None):", ":"),),
        (_BY_CHANNEL + "test_a_mark_that_arrives_while_we_are_telling_is_sent_does_not_change_its_end",),
    ),
    Row(
        "What may have left is not said again by an unsafe channel, nor taken for unsaid",
        _NOTIFIER,
        (Edit("(progress.saying is not says or withheld is not None)", "progress.saying is not says"),),
        (_BY_CHANNEL + "test_a_notice_that_may_have_left_before_a_crash_is_not_sent_again_by_a_channel_now_unsafe",),
    ),
    Row(
        "Who was not reached is told once more is known",
        _PROGRESS,
        (Edit("        case NoticeState.UNREACHABLE if stood", "        case NoticeState.UNREACHABLE if False"),),
        (_ORDERS + "test_a_channel_that_failed_is_tried_again_when_more_is_known",),
    ),
    Row(
        "Who was not reached is not tried again for the same record",
        _PROGRESS,
        (Edit("if stood and outweighs(due.stands, NoticeStands(stood)) and", "if"),),
        (_ORDERS + "test_a_failed_notice_is_not_sent_again_for_the_same_record",),
    ),
    Row(
        "A narrower record is no answer to the question whether more is known",
        _PROGRESS,
        (
            Edit(
                "            return self.replaced(due=fewer)\n",
                "            return self.replaced(due=fewer, late=self.asked)\n",
            ),
        ),
        (_BY_CHANNEL + "test_only_the_question_itself_says_that_no_more_is_known",),
    ),
    Row(
        "A notice that ended may still be written again",
        _TELLING,
        (Edit('        turn.put(_NOTICES + person.encode(), b" ".join(waiting), until=until)\n', ""),),
        (_CHANNELS + "test_every_notice_that_may_wait_is_written_again_in_any_state_of_its_report",),
    ),
    Row(
        "What is kept of a notice ends",
        _TELLING,
        (Edit('encode("NotificationDue", notice), until=until)', 'encode("NotificationDue", notice))'),),
        (_CHANNELS + "test_what_is_kept_of_a_notice_ends",),
    ),
    Row(
        "The notifier reads acknowledgements itself",
        "services/notifier/process.py",
        (
            Edit(
                "sources=(topics.TopicName.NOTIFICATIONS, topics.TopicName.DELIVERIES),",
                "sources=(topics.TopicName.NOTIFICATIONS,),",
            ),
        ),
        (f"{_PROCESS}::test_an_acknowledgement_written_while_it_was_down_is_read_before_we_are_telling_is_sent",),
    ),
    Row(
        "An acknowledgement that comes before its notice is kept for it",
        _NOTIFIER,
        (Edit("acknowledged = notice_store.take_acknowledged(turn, due)", "acknowledged = False"),),
        (f"{_ACKNOWLEDGED}::test_an_acknowledgement_that_is_read_before_its_notice_counts",),
    ),
    Row(
        "Only its own agency's acknowledgement counts for a notice",
        _NOTIFIER,
        (
            Edit(
                "elif progress.due.agency is changed.agency and not progress.acknowledged:",
                "elif not progress.acknowledged:",
            ),
        ),
        (f"{_ACKNOWLEDGED}::test_what_another_agency_acknowledges_changes_nothing",),
    ),
    Row(
        "Of a report that an agency has, nothing less is said",
        _PROGRESS,
        (Edit("        if self.acknowledged and self.due.stands is not NoticeStands.TOLD:\n", "        if False:\n"),),
        (f"{_ACKNOWLEDGED}::test_have_not_told_is_never_sent_for_a_report_that_the_agency_has",),
    ),
    Row(
        "An acknowledged report is told though DECIDE says nothing of it",
        _PROGRESS,
        (Edit("        if self.acknowledged:\n", "        if False:\n"),),
        (f"{_ACKNOWLEDGED}::test_for_a_report_that_the_agency_has_only_have_told_is_sent_and_once",),
    ),
    Row(
        "A record of DECIDE's that says less takes channels away where the notifier knows of the acknowledgement",
        _PROGRESS,
        (Edit("is_newest = self.acknowledged or due.stands", "is_newest = due.stands"),),
        (f"{_ACKNOWLEDGED}::test_a_channel_that_was_marked_unsafe_is_not_used_though_the_record_says_less",),
    ),
    Row(
        "The notifier's timers follow deliveries",
        "services/notifier/process.py",
        (Edit("        timers_follow=frozenset((topics.TopicName.DELIVERIES,)),\n", ""),),
        ("tests/unit/test_lane_groups.py::test_we_are_telling_is_not_said_before_the_deliveries_are_read",),
    ),
)
