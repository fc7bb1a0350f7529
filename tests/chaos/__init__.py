"""Chaos over the whole house: what a seed does to every process, the broker and the agencies, and an account of it.

    make chaos SEED=7

`plan` says what happens when, `house` runs the processes (`kept`) and does it to them. `feeding` are the services,
`staff` the people who settle reviews, `agencies` the agencies, `program` is `confide` with limits of seconds. `record`
has every record of the topics, `taken` that and the logs, notices, calls and ends of processes. `account` judges it by
its `judge_…` modules; `absences` says which time does not count. `blows.log`, in the folder of a run, says what was
done when. `made_run` is a run for the tests of the account.
"""
