"""What was measured: several runs of each thing, their median and their spread."""

import statistics
from collections.abc import Iterable, Mapping

import attrs
from tests.benchmarks.processes import measured, missing


@attrs.frozen
class Sample:
    """Several runs of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half of what lies between the lowest and the highest, as a share of the median."""
        return (max(self.values) - min(self.values)) / 2 / self.median if self.median else 0.0


@attrs.frozen
class Case:
    """One thing to measure: a client with its options, and what of its answer is kept."""

    name: str
    client: str
    options: Mapping[str, object]
    keys: tuple[str, ...] = ("seconds",)

    def run(self) -> dict[str, float]:
        """Run it once; instead of the seconds of all messages it has messages a second."""
        found = measured(self.client, **self.options)
        if "seconds" in found:
            return {"seconds": float(str(self.options["count"])) / found["seconds"]}
        return {key: found[key] for key in self.keys}


class Figures:
    """{name: sample}, and what was not measured here."""

    def __init__(self) -> None:
        self.samples: dict[str, Sample] = {}
        self.skipped: dict[str, str] = {}  # {client: why}

    def measure(self, cases: Iterable[Case], rounds: int) -> None:
        """Run each case once a round, so that what disturbs one disturbs all alike."""
        found: dict[str, list[float]] = {}
        possible = []
        for case in cases:
            if why := missing(case.client):
                self.skipped[case.client] = why
            else:
                possible.append(case)
        for _ in range(rounds):
            for case in possible:
                for key, value in case.run().items():
                    name = case.name if len(case.keys) == 1 else f"{case.name} {key}"
                    found.setdefault(name, []).append(value)
        for name, values in found.items():
            self.add(name, values)

    def add(self, name: str, values: Iterable[float]) -> None:
        """Keep a sample, and say it."""
        sample = self.samples[name] = Sample(tuple(values))
        print(f"  {name:52} {sample.median:14,.2f}  ± {sample.spread:.0%}", flush=True)

    def median(self, name: str) -> float | None:
        """Return a sample's median; None if it was not measured."""
        sample = self.samples.get(name)
        return None if sample is None else sample.median

    def ratio(self, name: str, to: str) -> float | None:
        """Return one median divided by another; None if one was not measured."""
        above, below = self.median(name), self.median(to)
        return None if above is None or not below else above / below
