"""All verbs of `confide`, in the order that its help shows. Why typer: see decision 0006."""

import typer

from services.cli import (
    agencies,
    broker,
    connector,
    decide,
    demo,
    gateway,
    keys,
    load,
    notifier,
    policy,
    produce,
    review,
    topics,
    worker,
)

app = typer.Typer(
    name="confide",
    help="Two support services act as one on their shared Confidentiality Policy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (
    demo,
    decide,
    policy,
    review,
    produce,
    worker,
    connector,
    notifier,
    gateway,
    agencies,
    topics,
    broker,
    keys,
    load,
):
    verb.register(app)
