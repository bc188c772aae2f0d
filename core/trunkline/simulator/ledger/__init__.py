"""The one judge of reliability tests; plugin authors may use it too."""

from trunkline.simulator.ledger.ledger import Ledger, Report
from trunkline.simulator.ledger.promises import PROMISES, BrokenPromise, Promise

__all__ = ["PROMISES", "BrokenPromise", "Ledger", "Promise", "Report"]
