"""Kinds of arguments that commands of the built-ins take."""

import click


def text(value: str) -> str:
    """Take text that can be sent: Python hands over other bytes as lone surrogates.

    Raises:
        BadParameter: it is none.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is not UTF-8") from None
    return value


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
