"""Makes the benches in `support/` importable, whatever pytest was started with."""

import sys
from pathlib import Path

pytest_plugins = ["trunkline.testing"]

sys.path.insert(0, str(Path(__file__).parent / "support"))
