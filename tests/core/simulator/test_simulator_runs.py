"""The story of one run, as a pure row of beats."""

import itertools
import random

import pytest

from trunkline.simulator import ACCOUNT_A, Execution
from trunkline.simulator.catalogue import FLOWS
from trunkline.simulator.runs import Outcome, Run


@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_a_run_is_a_pure_row_of_beats(outcome: Outcome) -> None:
    """Between 10 and 40 seconds long, one to three events a second."""
    for flow, seed in itertools.product(FLOWS, range(10)):
        run = Execution.draw(random.Random(seed), ACCOUNT_A, flow.name)
        beats = list(Run(random.Random(seed), flow, run).beats(outcome))
        assert beats == list(Run(random.Random(seed), flow, run).beats(outcome))
        length = sum(beat.pause for beat in beats)
        assert 10.0 <= length <= 45.0
        assert 1.0 <= len(beats) / length <= 4.0


def test_metrics_of_a_run_add_up() -> None:
    """Totals at the end are those of the calls before."""
    run = Execution.draw(random.Random(1), ACCOUNT_A, FLOWS[0].name)
    beats = list(Run(random.Random(1), FLOWS[0], run).beats("success"))
    calls = [beat.payload for beat in beats if beat.type == "model_gateway_call"]
    done = [b for b in beats if b.type == "mcp_call" and b.payload["status"] != "pending"]
    [last] = [b.payload for b in beats if b.payload.get("status") == "SUCCEEDED"][-1:]
    assert last["total_tokens"] == sum(call["total_tokens"] for call in calls) > 0
    assert last["estimated_cost"] == pytest.approx(sum(c["estimated_cost"] for c in calls))
    assert last["tool_calls_count"] == len(done) > 0
