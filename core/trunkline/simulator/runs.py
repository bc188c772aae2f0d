"""One run of a flow from start to end, as a row of beats; pure.

A beat is a pause and what is pushed after it. The same `Random` makes the same row; whoever plays
it has the clock and decides whether it is stopped half-way.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any, Literal

import attrs

from trunkline.simulator.catalogue import Flow
from trunkline.simulator.executions import Execution
from trunkline.simulator.frames import NAIVE_NOW, NOW, fleet_context
from trunkline.simulator.wire import new_id

Outcome = Literal["success", "failure"]

DURATION = (10.0, 40.0)  # s, least and most
BEAT = (0.35, 1.0)  # s between two events of a run
STATUS_INTERVAL = 5.0  # s between two `agent_status` (protocol §6.3)
PRICE = 0.000_006  # per token


@attrs.frozen
class Beat:
    """What a run pushes after a pause."""

    pause: float
    """s."""
    type: str
    payload: Mapping[str, Any]
    topic: str | None = None
    """None: a flow update; else an event of the account."""


class Run:
    """The story of one run; `rng` decides its course."""

    def __init__(self, rng: random.Random, flow: Flow, execution: Execution) -> None:
        self._rng = rng
        self._flow = flow
        self._execution = execution
        self._lines = cycle(flow.lines)
        self._tools = cycle(flow.tools)
        self._context = fleet_context(flow.name, flow.subject)
        self._session = new_id(rng)
        self._elapsed = 0.0
        self._tokens = 0
        self._tool_calls = 0
        self._cost = 0.0

    def beats(self, outcome: Outcome) -> Iterator[Beat]:
        """Tell the whole run."""
        yield from self._start()
        length = self._rng.uniform(*DURATION)
        next_status = STATUS_INTERVAL
        while self._elapsed < length:
            yield from self._work()
            if self._elapsed >= next_status:
                next_status += STATUS_INTERVAL
                yield self._agent_status("RUNNING", 0.0)
        yield from self._success() if outcome == "success" else self._failure()

    def stop_beats(self) -> Iterator[Beat]:
        """Tell how a stopped run ends, after whatever it had come to."""
        yield self._beat(0.3, "user_stopped", {"elapsed": int(self._elapsed)})
        yield self._agent_status("STOPPED", 0.2)
        yield self._status("STOPPED", 0.2, **self._totals("Stopped by a user.", None, None))
        yield from self._session_events("runtime_session_ended", ended_at=NAIVE_NOW)

    def line(self, text: str, pause: float = 0.0) -> Beat:
        """Return a line of the run's log."""
        return self._beat(pause, "agent_log_line", {"timestamp": NOW, "line": text})

    def _start(self) -> Iterator[Beat]:
        started = {
            "status": "PENDING",
            "flow_id": self._execution.flow_id,
            "flow_name": self._flow.name,
            "fleet_context": self._context,
        }
        yield self._beat(0.0, "execution_started", started)
        yield from self._session_events("runtime_session_created", ended_at=None)
        yield self._status("PENDING", 0.0)
        yield self._status("INITIALIZING", 0.3)
        yield self._status("STARTING", 0.6, resolved_input_prompt=self._flow.prompt)
        reference = f"session-{self._rng.getrandbits(32):08x}"
        yield self._status("RUNNING", 0.8, agent_session_reference=reference)
        yield self._agent_status("RUNNING", 0.0)

    def _work(self) -> Iterator[Beat]:
        pause = self._rng.uniform(*BEAT)
        draw = self._rng.random()
        if draw < 0.60:
            yield self.line(next(self._lines), pause)
        elif draw < 0.80:
            yield from self._tool_call(pause)
        elif draw < 0.95:
            yield from self._model_call(pause)
        elif draw < 0.98:
            warning = {"message": "The tool answered slowly (4.2 s)", "level": "warning"}
            yield self._beat(pause, "execution_warning", warning)
        else:
            retry = {"attempt": 1, "max_attempts": 3, "delay_seconds": 2}
            yield self._beat(pause, "execution_retry", retry)

    def _tool_call(self, pause: float) -> Iterator[Beat]:
        server, tool, arguments = next(self._tools)
        call = {
            "timestamp": NOW,
            "server_name": server,
            "tool_name": tool,
            "arguments": arguments,
            "status": "pending",
            "result_summary": None,
            "error": None,
        }
        yield self._beat(pause, "mcp_call", call)
        done = {"status": "success", "result_summary": "ok"}
        if self._rng.random() < 0.1:
            done = {"status": "failed", "error": "timed out after 10 s"}
        yield self._beat(self._rng.uniform(*BEAT), "mcp_call", call | done)
        self._tool_calls += 1
        counted = {"tool_calls": self._tool_calls, "timestamp": NOW}
        yield self._beat(0.0, "tool_calls_update", counted)

    def _model_call(self, pause: float) -> Iterator[Beat]:
        prompt_tokens = self._rng.randrange(600, 6_000)
        completion_tokens = self._rng.randrange(40, 900)
        tokens = prompt_tokens + completion_tokens
        cost = round(tokens * PRICE, 6)
        self._tokens += tokens
        self._cost += cost
        call = {
            "api_usage_id": new_id(self._rng),
            "status_code": 200,
            "outcome": "success",
            "duration_ms": self._rng.randrange(700, 6_000),
            "model_alias": self._flow.model,
            "provider_name": "anthropic",
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": tokens,
            "estimated_cost": cost,
            "tools": [tool for _, tool, _ in self._flow.tools],
            "conversation_preview": [{"role": "user", "content": self._flow.prompt}],
        }
        yield self._beat(pause, "model_gateway_call", call, "flow_executions")
        usage = {"total_tokens": self._tokens, "pricing_available": False, "timestamp": NOW}
        yield self._beat(0.05, "token_usage_update", usage)

    def _success(self) -> Iterator[Beat]:
        yield self.line(f"Done: {self._flow.summary}", 0.5)
        yield self._agent_status("SUCCEEDED", 0.3)
        yield self._status("SUCCEEDED", 0.3, **self._totals(self._flow.summary, None, None))
        yield from self._session_events("runtime_session_ended", ended_at=NAIVE_NOW)

    def _failure(self) -> Iterator[Beat]:
        error = self._flow.failure
        yield self._beat(0.5, "agent_log_error", {"error": error})
        yield self._agent_status("FAILED", 0.3)
        yield self._status("FAILED", 0.3, **self._totals(None, error, "agent_error"))
        yield from self._session_events("runtime_session_ended", ended_at=NAIVE_NOW)

    def _totals(
        self, summary: str | None, error: str | None, category: str | None
    ) -> dict[str, Any]:
        return {
            "model_output_summary": summary,
            "error_message": error,
            "failure_category": category,
            "actions_taken_summary": [],
            "mcp_usage_logs": [],
            "result": None,
            "result_schema_validation": None,
            "end_time": NOW,
            "tool_calls_count": self._tool_calls,
            "total_tokens": self._tokens,
            "estimated_cost": round(self._cost, 6),
        }

    def _status(self, status: str, pause: float, **changes: Any) -> Beat:
        payload = {**changes, "status": status, "fleet_context": self._context}
        return self._beat(pause, "status_update", payload)

    def _agent_status(self, status: str, pause: float) -> Beat:
        payload = {"status": status, "elapsed": int(self._elapsed + pause)}
        return self._beat(pause, "agent_status", payload)

    def _session_events(self, kind: str, *, ended_at: object) -> Iterator[Beat]:
        """Tell what happens beside the run, on the account (§6.3)."""
        session = {
            "runtime_session_id": self._session,
            "session_source_type": "flow_execution",
            "session_source_id": self._execution.id,
            "session_reference": None,
            "runtime_principal_type": "flow_execution",
            "runtime_principal_id": self._execution.id,
            "runtime_principal_name": self._flow.name,
            "last_activity_at": NAIVE_NOW,
            "ended_at": ended_at,
        }
        yield self._beat(0.0, kind, session, "runtime_sessions")
        audit = {"action": kind, "status": "success", "audit_log_id": new_id(self._rng)}
        yield self._beat(0.0, "audit_event", audit, "audit")

    def _beat(
        self, pause: float, kind: str, payload: Mapping[str, Any], topic: str | None = None
    ) -> Beat:
        self._elapsed += pause
        return Beat(pause, kind, payload, topic)
