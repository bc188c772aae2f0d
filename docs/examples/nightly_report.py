"""A script that knows nothing of Trio: what it does is tracked, and delivered before it ends.

python nightly_report.py trunkline.toml
"""

import sys

from trunkline import Host, Tracker, load_config


def main(path: str) -> None:
    """Write a report, with a host beside it."""
    with Host(load_config(path)).start_in_thread() as background:
        report(background.tracker)
        background.tracker.track_conversion("report.written", 1)
        done = background.flush(timeout=10).is_done
    print("everything delivered" if done else "the rest comes at the next start")


def report(tracker: Tracker) -> None:
    """Load and export; each is an action with its duration and outcome."""

    @tracker.tracked("report.export", record=("form",))  # of the arguments only `form`
    def export(rows: list[int], form: str = "csv") -> str:
        return f"{len(rows)} rows as {form}"

    with tracker.during("report.load") as metadata:
        rows = [*range(12)]
        metadata["rows"] = len(rows)
    print(export(rows))


if __name__ == "__main__":
    main(sys.argv[1])
