"""A server that speaks the protocol: for demo, docs, tests and plugin authors."""

from trunkline.simulator.approvals import Approval
from trunkline.simulator.executions import Execution
from trunkline.simulator.faults import Faults
from trunkline.simulator.faulty import Faulty
from trunkline.simulator.listener import Refusal
from trunkline.simulator.plan import Fault, Plan
from trunkline.simulator.proxy import chaos_proxy
from trunkline.simulator.scenarios import SCENARIOS
from trunkline.simulator.session import Received
from trunkline.simulator.simulator import Dial, Simulator
from trunkline.simulator.users import ACCOUNT_A, ACCOUNT_B, ALICE, BOB, CAROL, DAVE, User

__all__ = [
    "ACCOUNT_A",
    "ACCOUNT_B",
    "ALICE",
    "BOB",
    "CAROL",
    "DAVE",
    "SCENARIOS",
    "Approval",
    "Dial",
    "Execution",
    "Fault",
    "Faults",
    "Faulty",
    "Plan",
    "Received",
    "Refusal",
    "Simulator",
    "User",
    "chaos_proxy",
]
