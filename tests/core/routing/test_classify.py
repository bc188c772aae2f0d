"""From a message to its topic: the order of the rules, and what hostile messages cannot do."""

import importlib
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panic import Panic

from trunkline.config import is_topic
from trunkline.routing.classify import Classifier
from trunkline.routing.table import ClassifierRule, RouteTable, TopicRule


def by_start(kind: str) -> str | None:
    """A classifier of types."""
    return "from_classifier" if kind.startswith("c_") else None


TABLE = RouteTable(
    topics=(
        TopicRule("prefixed", "one", {"type": {"prefix": "a_"}}),
        TopicRule("exact", "two", {"type": ["a_exact", "other_exact"]}),
        TopicRule("tail", "three", {"type": "status", "payload.kind": "tail"}),
        TopicRule("unmatched", "four"),
    ),
    classifiers=(ClassifierRule("five.start", by_start),),
    fallbacks=(
        TopicRule("server_prefix", "", {"type": {"prefix": "s_"}}),
        TopicRule("server_exact", "", {"type": "s_exact"}),
        TopicRule("server_c", "", {"type": "c_1"}),
    ),
)


@pytest.mark.parametrize(
    ("message", "topic", "how", "rule"),
    [
        ({"topic": "named", "type": "a_exact"}, "named", "topic", ""),
        ({"topic": "named"}, "named", "topic", ""),
        ({"topic": "", "type": "a_exact"}, "exact", "match", "two"),
        ({"topic": 7, "type": "a_exact"}, "exact", "match", "two"),
        ({"topic": "*", "type": "a_exact"}, "exact", "match", "two"),
        ({"type": "a_exact"}, "exact", "match", "two"),
        ({"type": "other_exact"}, "exact", "match", "two"),
        ({"type": "a_more"}, "prefixed", "prefix", "one"),
        ({"type": "status", "payload": {"kind": "tail"}}, "tail", "match", "three"),
        ({"type": "status", "payload": {"kind": "head"}}, "status", "type", ""),
        ({"type": "c_1"}, "from_classifier", "classifier", "five.start"),
        ({"type": "s_exact"}, "server_exact", "fallback", "server"),
        ({"type": "s_more"}, "server_prefix", "fallback", "server"),
        ({"type": "unheard_of"}, "unheard_of", "type", ""),
        ({"type": "no topic"}, None, "none", ""),
        ({"type": 5}, None, "none", ""),
        ({}, None, "none", ""),
    ],
)
def test_classify_asks_the_rules_in_their_order(
    message: Mapping[str, Any], topic: str | None, how: str, rule: str
) -> None:
    """The first answer wins, and it says which rule gave it; the second time too."""
    classifier = Classifier(TABLE)
    for _ in range(2):
        found = classifier.classify(message)
        assert (found.topic, found.how, found.rule) == (topic, how, rule)
        assert found.is_known is (how not in {"type", "none"})


def test_p02_classifier_of_types_is_asked_once_for_each_type() -> None:
    """What the type alone decides is decided once."""
    asked: list[str] = []

    def note(kind: str) -> None:
        asked.append(kind)

    classifier = Classifier(RouteTable(classifiers=(ClassifierRule("one.note", note),)))
    for kind in ("a", "b", "a", "a"):
        classifier.classify({"type": kind})
    assert asked == ["a", "b"]


def test_classifier_of_whole_messages_does_not_make_others_be_asked_again() -> None:
    """One sees every message, one each type once, and their order is kept."""
    asked: list[str] = []

    def first(kind: str) -> None:
        asked.append(kind)

    def whole(message: Mapping[str, Any]) -> str | None:
        return "loud" if message.get("loud") else None

    def last(kind: str) -> str:
        asked.append(kind)
        return "quiet"

    rules = (
        ClassifierRule("one.first", first),
        ClassifierRule("two.whole", whole, whole=True),
        ClassifierRule("one.last", last),
    )
    classifier = Classifier(RouteTable(classifiers=rules))
    topics = [classifier.classify({"type": "a", "loud": loud}).topic for loud in (1, 0, 1, 0)]
    assert topics == ["loud", "quiet", "loud", "quiet"]
    assert asked == ["a", "a"]


@pytest.mark.parametrize("error", [SystemExit("a plugin may not end the host"), Panic()])
def test_classifier_that_raises_or_names_no_topic_gives_no_answer(error: BaseException) -> None:
    """Its failure is told with its name, and the next rule is asked."""

    def broken(_: str) -> str:
        raise error

    def wrong(_: str) -> Any:
        return "not a topic"

    told: list[tuple[str, BaseException]] = []
    rules = (
        ClassifierRule("one.broken", broken),
        ClassifierRule("two.wrong", wrong),
        ClassifierRule("three.start", by_start),
    )
    classifier = Classifier(
        RouteTable(classifiers=rules), on_error=lambda name, exc: told.append((name, exc))
    )
    assert classifier.classify({"type": "c_2"}).rule == "three.start"
    assert [name for name, _ in told] == ["one.broken"]


def test_classifier_failures_may_go_unheard() -> None:
    """Whoever gives no `on_error` still gets the answer of the next rule."""

    def broken(_: str) -> str:
        raise ValueError

    classifier = Classifier(RouteTable(classifiers=(ClassifierRule("one.broken", broken),)))
    assert classifier.classify({"type": "a"}).how == "type"


def test_classify_remembers_a_bounded_number_of_types() -> None:
    """A server that invents types makes a classifier be asked again, but no memory grow."""
    asked: list[str] = []

    def note(kind: str) -> None:
        asked.append(kind)

    classifier = Classifier(RouteTable(classifiers=(ClassifierRule("one.note", note),)))
    for number in range(1024):
        classifier.classify({"type": f"t{number}"})
    for kind in ("t0", "late", "late"):
        classifier.classify({"type": kind})
    assert asked[1024:] == ["late", "late"]


def test_classify_does_not_remember_what_is_longer_than_a_topic() -> None:
    """A thousand types of a message's length would be gigabytes."""
    asked: list[str] = []

    def note(kind: str) -> None:
        asked.append(kind)

    classifier = Classifier(RouteTable(classifiers=(ClassifierRule("one.note", note),)))
    for kind in ("x" * 128, "x" * 128, "x" * 129, "x" * 129):
        classifier.classify({"type": kind})
    assert [len(kind) for kind in asked] == [128, 129, 129]


@pytest.mark.parametrize("name", ["a", "9", "a" * 128, "runtime_sessions", "a.b:c-d_e", "SYSTEM"])
def test_c48_topic_names_that_are_topics(name: str) -> None:
    """Letters, digits and `_ . : -`, a letter or digit first, up to 128."""
    assert Classifier(RouteTable()).classify({"topic": name}).topic == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "*",
        "..",
        "../x",
        "_a",
        "-a",
        "a b",
        "a\n",
        "a\0",
        "\u00e9",
        "a/b",
        "a" * 129,
        "a" * 1025,
    ],
)
def test_c48_topic_names_that_are_none(name: str) -> None:
    """Anything else names nothing: such a message is classified by its type, or not at all."""
    classifier = Classifier(RouteTable())
    assert classifier.classify({"topic": name, "type": "kind"}).how == "type"
    assert classifier.classify({"topic": name}).topic is None
    assert classifier.classify({"type": name}).topic is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "topic", "payload", "kind"]), inner)
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "topic", "payload", "x"]), JSON))
def test_classify_any_object_has_one_answer(message: dict[str, Any]) -> None:
    """Whatever the server sends: a valid topic or none, the same each time, never an error."""
    classifier = Classifier(TABLE)
    found = classifier.classify(message)
    assert found.topic is None or is_topic(found.topic)
    assert found == classifier.classify(message)
    if isinstance(message.get("topic"), str) and is_topic(message["topic"]):
        assert found.topic == message["topic"]


@pytest.mark.parametrize("text", ["a" * 10_000, "(a+)+$" * 1_700, "_" * 10_000])
def test_s14_classify_is_quick_on_adversarial_names(text: str) -> None:
    """Ten thousand characters in type and topic, against long prefixes: less than 10 ms."""
    prefixes = tuple(
        TopicRule("t", "one", {"type": {"prefix": text[:n] + "!"}}) for n in (1, 9_999)
    )
    classifier = Classifier(RouteTable(topics=prefixes))
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        classifier.classify({"topic": text, "type": text})
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.010


@pytest.mark.parametrize("name", ["routing.router", "routing.classify", "routing.index", "where"])
def test_s14_no_regular_expressions_on_the_way(name: str) -> None:
    """A pattern from config or wire could hold the interpreter for minutes."""
    module = importlib.import_module(f"trunkline.{name}")
    assert "re" not in vars(module)
