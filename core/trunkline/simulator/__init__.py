"""A server that speaks the protocol: for demo, docs, tests and plugin authors."""

from trunkline.simulator.listener import Refusal
from trunkline.simulator.session import Received
from trunkline.simulator.simulator import Dial, Simulator
from trunkline.simulator.users import ACCOUNT_A, ACCOUNT_B, ALICE, BOB, CAROL, User

__all__ = [
    "ACCOUNT_A",
    "ACCOUNT_B",
    "ALICE",
    "BOB",
    "CAROL",
    "Dial",
    "Received",
    "Refusal",
    "Simulator",
    "User",
]
