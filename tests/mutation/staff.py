"""Staff who change while a worker runs: they are followed, and a wrong file changes nothing."""

from tests.mutation.row import Edit, Row

_FILES = "tests/unit/test_staff_files.py"
_DECIDE = "tests/unit/test_decide_reviews_staff_changes.py"

ROWS = (
    Row(
        "A running worker looks at the files of its staff",
        "services/staff_files.py",
        (Edit("if at - self._looked >= LOOK_EVERY:", "if self._looked < 0:"),),
        (
            f"{_FILES}::test_a_lead_who_is_added_may_sign_within_a_second",
            "tests/integration/test_staff_changes.py::test_staff_change_while_one_worker_runs",
        ),
    ),
    Row(
        "It looks once a second at most",
        "services/staff_files.py",
        (Edit("LOOK_EVERY = 1.0", "LOOK_EVERY = 0.0"),),
        (f"{_FILES}::test_it_looks_once_a_second_at_most",),
    ),
    Row(
        "What has not changed is not read again",
        "services/watched_file.py",
        (Edit("seen == self._taken or ", ""),),
        (f"{_FILES}::test_what_has_not_changed_is_not_read_again",),
    ),
    Row(
        "A file that may still be written is not read yet",
        "services/watched_file.py",
        (Edit("seen == self._taken or 0 <= age < QUIET_SECONDS", "seen == self._taken"),),
        (f"{_FILES}::test_a_file_counts_once_it_was_not_written_for_a_second",),
    ),
    Row(
        "Another machine's clock delays no change",
        "services/watched_file.py",
        (Edit("or 0 <= age < QUIET_SECONDS", "or age < QUIET_SECONDS"),),
        (f"{_FILES}::test_a_time_of_writing_in_the_future_is_no_reason_to_wait",),
    ),
    Row(
        "A wrong file is said once a change",
        "services/watched_file.py",
        (Edit("            if seen not in self._refusals:\n", "            if True:\n"),),
        (f"{_FILES}::test_a_wrong_rota_keeps_the_last_good_one_and_is_logged_once",),
    ),
    Row(
        "A file that comes back ends its refusal",
        "services/watched_file.py",
        (Edit("            self._taken = None\n        else", "            pass\n        else"),),
        (f"{_FILES}::test_a_folder_that_disappears_is_logged_each_time",),
    ),
    Row(
        "A folder of keys that goes takes no key away",
        "services/staff_files.py",
        (Edit("            return known\n", "            return {}\n"),),
        (f"{_FILES}::test_a_folder_of_keys_that_goes_takes_no_key_away_and_an_empty_one_takes_all",),
    ),
    Row(
        "A wrong key keeps the one that was known",
        "services/staff_files.py",
        (Edit("file.look(self._contents.get(path), now)", "file.look(None, now)"),),
        (f"{_FILES}::test_a_wrong_key_keeps_the_one_that_was_known_beside_others_that_change",),
    ),
    Row(
        "A copied key is the key of the one who had it before",
        "services/staff_files.py",
        (Edit("return paths[0] if len(paths) == 1 else next(", "return paths[-1] if paths else next("),),
        (f"{_FILES}::test_a_key_that_is_copied_while_a_worker_runs_makes_no_second_signer",),
    ),
    Row(
        "A copy of the master or token key is nobody's key",
        "services/staff_files.py",
        (Edit("None if key in self._fixed_keys else _owner", "_owner"),),
        (f"{_FILES}::test_a_copy_of_a_key_of_the_deployment_is_nobodys_key",),
    ),
    Row(
        "A changed master or token key is said",
        "services/staff_files.py",
        (Edit("    if read_key(path) != key:\n", "    if len(read_key(path)) != len(key):\n"),),
        (f"{_FILES}::test_the_keys_of_the_deployment_never_change_under_a_process",),
    ),
    Row(
        "What is said of a wrong rota quotes nothing of it",
        "services/staff_files.py",
        (
            Edit(
                "        case ConfigFileError():\n", "        case ConfigFileError():\n            return str(error)\n"
            ),
        ),
        (f"{_FILES}::test_a_wrong_rota_keeps_the_last_good_one_and_is_logged_once",),
    ),
    Row(
        "Since when somebody is missing does not move",
        "streams/domain/staff.py",
        (Edit("return {**known, **{", "return {**dict.fromkeys(known, now), **{"),),
        (f"{_FILES}::test_a_removed_lead_may_not_sign_and_the_refusal_names_the_cause_and_the_time",),
    ),
    Row(
        "A key file that another process makes meanwhile is not replaced",
        "services/settings.py",
        (Edit("path.hardlink_to(unfinished)", "unfinished.replace(path)"),),
        ("tests/unit/test_environment.py::test_a_key_file_is_never_seen_unfinished_and_is_never_replaced",),
    ),
)
