"""From what a person types to the one execution that is meant."""

import uuid
from collections.abc import Mapping
from typing import Any

from trunkline.plugin_api import UserError
from trunkline_plugins.asking import Asker, rows
from trunkline_plugins.flow.fetching import PATH, fetch_row
from trunkline_plugins.text import printable

SEARCHED = 1000  # executions, the latest, among which the beginning of an id is looked for
SHOWN = 5  # of those that fit
_HEX = frozenset("0123456789abcdef-")


async def found_id(asker: Asker, text: str) -> str:
    """Return the whole id of the execution that begins with `text`.

    Raises:
        UserError: there is none, or more than one; the text helps.
        Rejected, NotSent, OutcomeUnknown: as `ask`.
    """
    wanted = text.strip().lower()
    if _is_whole(wanted):
        return wanted
    if not wanted or not _HEX.issuperset(wanted):
        raise UserError(f"`{printable(text, 40)}` is no id: hexadecimal digits, or their beginning")
    found = await rows(asker, PATH, most=SEARCHED)
    fitting = [row for row in found.rows if str(row.get("id")).startswith(wanted)]
    if len(fitting) == 1:
        return str(fitting[0]["id"])
    if not fitting:
        among = "all" if found.are_all else f"the latest {len(found.rows)}"
        raise UserError(f"no execution begins with `{wanted}` among {among}; see `trunkline flows`")
    shown = "".join(f"\n  {_described(row)}" for row in fitting[:SHOWN])
    more = f"\n  and {len(fitting) - SHOWN} more" if len(fitting) > SHOWN else ""
    raise UserError(
        f"{len(fitting)} executions begin with `{wanted}`; write more of it:{shown}{more}"
    )


async def found_row(asker: Asker, text: str) -> Mapping[str, Any]:
    """Return the execution that begins with `text`, with everything; otherwise as `found_id`."""
    full_id = await found_id(asker, text)
    row = await fetch_row(asker, full_id)
    if row is None:
        raise UserError(f"the server knows no execution {full_id}; see `trunkline flows`")
    return row


def _is_whole(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _described(row: Mapping[str, Any]) -> str:
    name = printable(str(row.get("flow_name") or ""), 40)
    return f"{row.get('id')}  {name}  {printable(str(row.get('status')), 24)}"
