"""A secret shows as `***`, whatever is done to it short of `reveal`."""

import copy
import json
import pickle
import pprint
import traceback
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config import Secret, config_from_mapping


@attrs.frozen
class Holder:
    token: Secret
    many: tuple[Secret, ...]


WAYS: dict[str, Callable[[Any], object]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": lambda each: f"{each}{each!s}{each!r}{each:>60}{each:s}",
    "percent": lambda each: "%s %r %60s" % (each, each, each),  # noqa: UP031 - people do
    "asdict": lambda each: attrs.asdict(Holder(each, (each,))),
    "astuple": lambda each: attrs.astuple(Holder(each, (each,))),
    "holder": lambda each: Holder(each, (each,)),
    "pprint": lambda each: pprint.pformat([each] * 20),
    "json": lambda each: json.dumps(attrs.asdict(Holder(each, (each,))), default=str),
    "pickle": lambda each: pickle.loads(pickle.dumps(each)).reveal(),
    "pickle bytes": lambda each: [pickle.dumps(each, n) for n in range(2, 6)],
    "state": lambda each: each.__getstate__(),
    "dictionary": lambda each: {each: each},
    "exception": lambda each: "".join(traceback.format_exception(ValueError(each))),
    "copied": lambda each: [copy.copy(each), copy.deepcopy(each)],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(tail=st.text(st.characters(exclude_characters="*"), max_size=20))
def test_s3_no_way_of_showing_yields_the_value(way: Callable[[Any], object], tail: str) -> None:
    """Also in whatever holds it."""
    canary = "canary-5d1f" + tail

    for text in (repr(way(Secret(canary))), str(way(Secret(canary)))):
        assert "canary" not in text


def test_s3_a_secret_cannot_be_written_as_json_by_accident() -> None:
    """An encoder without an answer to it says so without the value."""
    with pytest.raises(TypeError) as caught:
        json.dumps(Secret("canary"))

    assert "canary" not in str(caught.value)


def test_s3_a_secret_has_no_other_way_in() -> None:
    """Neither a dictionary of attributes nor a length."""
    secret = Secret("canary")

    assert not hasattr(secret, "__dict__")
    assert not hasattr(secret, "__len__")
    assert not hasattr(secret, "__iter__")


@given(a=st.text(st.characters()), b=st.text(st.characters()))
def test_secrets_compare_by_value(a: str, b: str) -> None:
    """Of any text, lone surrogates included; never with a plain string."""
    assert (Secret(a) == Secret(b)) == (a == b)
    assert Secret(a) == Secret(a)
    assert hash(Secret(a)) == hash(Secret(b))
    assert Secret(a) != a


def test_a_copy_still_works() -> None:
    """Copied settings must be able to connect; only what leaves the process is masked."""
    config = config_from_mapping(
        {"connection": {"url": "wss://h", "token": {"env": "T"}}}, environ={"T": "canary"}
    )

    assert copy.deepcopy(config.connection).token == Secret("canary")
