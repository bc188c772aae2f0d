"""Draws `docs/benchmarks.svg`: throughput against subscriptions, latency against load."""

from pathlib import Path

from tests.benchmarks import latency, throughput
from tests.benchmarks.figures import Figures

OURS, PEER = "#c2410c", "#475569"


def write(figures: Figures, path: Path) -> None:
    """Draw what was measured; who was skipped is not in it."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams |= {"svg.hashsalt": "trunkline", "svg.fonttype": "none", "font.size": 10}
    mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
    drawing, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")

    for client, label, color in (
        ("trunkline", "Trunkline", OURS),
        ("node", "Node ws and a linear router", PEER),
    ):
        points = _points(figures, f"{client} subscriptions {{}}", throughput.SUBSCRIPTIONS)
        if points:
            left.plot(*zip(*points, strict=True), "o-", color=color, label=label)
    left.set(xscale="log", yscale="log", xlabel="subscriptions", ylabel="messages per second")
    left.set_title("Throughput, the whole job, messages of 304 bytes", loc="left")

    for client, label, color in (
        ("trunkline", "Trunkline, the whole job", OURS),
        ("trio_websocket", "trio-websocket, receive and decode", PEER),
    ):
        for key, style in (("p50", "o-"), ("p99", "o--")):
            points = _points(figures, f"{client} load {{}} {key}", latency.LOADS)
            if points:
                right.plot(*zip(*points, strict=True), style, color=color, label=f"{label}, {key}")
    right.set(xscale="log", yscale="log", xlabel="messages per second", ylabel="milliseconds")
    right.set_title("Latency from the sender to the callback", loc="left")

    for axes in (left, right):
        axes.grid(visible=True, which="major", color="#e2e8f0")
        axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    drawing.savefig(path, format="svg", metadata={"Date": None})
    plt.close(drawing)


def _points(figures: Figures, name: str, at: object) -> list[tuple[float, float]]:
    assert isinstance(at, dict | tuple)
    found = [(float(number), figures.median(name.format(number))) for number in at]
    return [(number, median) for number, median in found if median is not None]
