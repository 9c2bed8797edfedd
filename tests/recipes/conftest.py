"""Teachers and labelers of a user's own, which the tests of training have too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "training" / "own_code"))
