"""Tables that the code holds as data: the close policy, the metrics."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import get_args

from prometheus_client.parser import text_string_to_metric_families

from trunkline.config import config_from_mapping
from trunkline.connection.close_policy import Cause, Loss, Verdict, verdict
from trunkline.host import Host
from trunkline.host.metrics import PREFIX, render

#: Codes with a meaning of their own, and one of each range that is treated as one.
CODES = (*range(1000, 1016), 3000, 4000, 4400, 4401, 4403, 4404, 4429, 4499, 4999)
NOT_FROM_A_LIST = {"closed", "rejected"}  # causes that depend on their code or status
WAITS: Mapping[Verdict, str] = {
    Verdict.RETRY: "from 0.1 s to 2, 4, 8, ... s, at most `backoff_max`",
    Verdict.RESTART: "from 0.1 to 5 s, then as above",
    Verdict.BUSY: "`Retry-After` and up to a fifth more, 0.1 to 5 s at least; without it 5 to 35 s",
    Verdict.REFUSAL: "at once with a fresh token, then 30, 60, 120, 240, 300 s",
    Verdict.SLOW: "30, 60, 120, 240, 300 s, each ± 20 %",
}


def close_policy() -> Iterator[str]:
    """One row for each verdict: the causes, close codes and HTTP statuses that lead to it."""
    yield "| verdict | next attempt after | causes | close codes | HTTP status |"
    yield "| --- | --- | --- | --- | --- |"
    for wanted in Verdict:
        causes = [
            f"`{cause}`"
            for cause in _causes()
            if cause not in NOT_FROM_A_LIST and verdict(Loss(cause)) is wanted  # type: ignore[arg-type] # one of them
        ]
        codes = [code for code in CODES if verdict(Loss("closed", code=code)) is wanted]
        bare = [] if wanted is not verdict(Loss("closed")) else ["none (1006)"]
        cells = (
            f"`{wanted.value}`",
            WAITS[wanted],
            ", ".join(causes),
            ", ".join([*_ranges(codes), *bare]),
            ", ".join(_statuses(wanted)),
        )
        yield "| " + " | ".join(cells) + " |"


def _causes() -> Iterator[str]:
    for part in get_args(Cause):
        yield from get_args(part) or (part,)


def _ranges(codes: list[int]) -> Iterator[str]:
    """Write neighbours as one range."""
    for start in codes:
        if start - 1 in codes:
            continue
        end = start
        while end + 1 in codes:
            end += 1
        yield str(start) if start == end else f"{start}\N{EN DASH}{end}"


def _statuses(wanted: Verdict) -> Iterator[str]:
    """Write a hundred that is treated alike as one, and what is left of it as "other"."""
    for hundred in range(2, 6):
        members = [each.value for each in HTTPStatus if each.value // 100 == hundred]
        hits = [n for n in members if verdict(Loss("rejected", status=n)) is wanted]
        if len(hits) > len(members) / 2:
            yield f"{hundred}xx" if hits == members else f"other {hundred}xx"
        else:
            yield from map(str, hits)


def metrics() -> Iterator[str]:
    """One row for each metric: name, labels, meaning."""
    host = Host(config_from_mapping({"connection": {"url": "ws://127.0.0.1/"}}, environ={}))
    yield "| metric | kind | means |"
    yield "| --- | --- | --- |"
    for family in text_string_to_metric_families(render(host).decode()):
        if family.name.startswith(PREFIX):
            name = family.name + ("_total" if family.type == "counter" else "")
            yield f"| `{name}` | {family.type} | {family.documentation} |"
