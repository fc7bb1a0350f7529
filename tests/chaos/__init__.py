"""The chaos test: a seed chooses faults of every process, the broker and the agencies; an account judges the result.

    make chaos SEED=7

- `plan` chooses the faults and their times from the seed; `deployment` runs the deployment and applies them to its
  processes (`kept_process`).
- `feeding` sends disclosures as the two services, `staff` settles reviews, `agencies` is an agency's process, and
  `program` is `confide` with limits of seconds.
- `record` reads every committed record. `taken` adds the logs, notices, alarm calls and ends of processes.
- `account` judges all of that with the `judge_…` modules; `absences` has the time that counts for no limit, and
  `notice_truth` what a notice may say at a moment.
- `made_run` is an invented run for the tests of the account.

`disruptions.log`, in the folder of a run, lists each fault with its time.
"""
