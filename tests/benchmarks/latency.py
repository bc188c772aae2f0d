"""How old a message is when its callback is called, against the load."""

from tests.benchmarks.figures import Case, Figures
from tests.benchmarks.processes import sending

LOADS = (500, 1_000, 2_000, 5_000, 10_000, 20_000)  # messages a second
BUDGETED = 5_000
SECONDS = 2.0
ROUNDS = 9  # of two seconds; what a hundredth of the messages meets is mostly chance
KEYS = ("p50", "p99")


def against_load(figures: Figures) -> None:
    """Ours and the bare loop of trio-websocket; at the budgeted load also beside a sleeper."""
    for load in LOADS:
        count = int(load * SECONDS)
        with sending(count=count, rate=load) as port:
            options = {"port": port, "count": count}
            cases = [
                Case(f"trunkline load {load}", "latency", options, KEYS),
                Case(f"trio_websocket load {load}", "trio_websocket_latency", options, KEYS),
            ]
            if load == BUDGETED:
                beside = {**options, "sleeper": True}
                cases.append(Case(f"trunkline sleeper load {load}", "latency", beside, KEYS))
            figures.measure(cases, ROUNDS if load == BUDGETED else 1)
