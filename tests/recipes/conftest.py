"""Teachers and labelers of a user's own, which other rooms' tests have too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "own_code"))
