"""Which options a caller gave: an option that the command would not use is refused, and never ignored silently."""

from collections.abc import Iterable
from typing import NamedTuple

import typer


class Given(NamedTuple):
    """Options with a value that is not their default: those of the command line, and variables of the environment."""

    options: tuple[str, ...]
    variables: tuple[str, ...]


def given(context: typer.Context, parameters: Iterable[str]) -> Given:
    """Return which of these parameters of the command were given, by the names under which a caller gives them."""
    by_name = {each.name: each for each in context.command.params}
    options, variables = [], []
    for name in parameters:
        parameter, source = by_name[name], context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            options.append(parameter.opts[0])
        elif source is not None and source.name == "ENVIRONMENT":
            variables.append(str(parameter.envvar))
    return Given(tuple(options), tuple(variables))
