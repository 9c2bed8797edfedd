"""Modules of the current folder: found where they are named, and never in place of any other module."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

SCRIPT = shutil.which("hardpix", path=os.path.dirname(sys.executable))
ENTRIES = {"module": [sys.executable, "-m", "hardpix"], **({"script": [SCRIPT]} if SCRIPT else {})}
SRC = Path(__file__).parents[2] / "src"
# Names of modules that are not installed, and that installed ones ask for.
OPTIONAL = ("onnx", "triton_kernels", "wandb", "IPython", "omegaconf", "ruamel", "tensorflow", "jax", "apex", "cupy")
BAIT = "import os\nopen(os.environ['BAIT'], 'a').write(__name__ + '\\n')\n"


@pytest.fixture
def baits(tmp_path: Path) -> Path:
    """A folder of data with a file for every module that Python or a library may look for."""
    folder = tmp_path / "here"
    rng = np.random.default_rng(0)
    for k in range(4):
        picture = np.kron(rng.integers(0, 2, (4, 4)), np.ones((8, 8), dtype=np.uint8)).astype(np.uint8)
        for kind, values in (("images", 200 * picture[..., None].repeat(3, -1)), ("masks", picture)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / kind / f"{k}.png")
    # No package can help against files in place of modules that ``python -m`` itself has imported before it.
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "__main__.py").write_text("import sys\nprint(*sys.modules)")
    before = subprocess.run([sys.executable, "-m", "empty"], cwd=tmp_path, capture_output=True, text=True, check=True)
    unavoidable = before.stdout.split()
    installed = ("torch", "numpy", "cv2", "PIL", "rich", "hardpix_plugin")
    for name in {*sys.stdlib_module_names, *OPTIONAL, *installed}.difference(unavoidable):
        (folder / f"{name}.py").write_text(BAIT)
    return folder


def run(entry: list[str], folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """A command in a folder, and the baits that were taken."""
    taken = folder.parent / "taken"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    environment |= {"BAIT": str(taken), "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*entry, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    return done, taken.read_text().split() if taken.exists() else []


DIAGNOSE = "diagnose --truth masks --predictions masks --images images --out out --workers 2"
FIT = (
    "fit --data.images images --data.masks masks --data.workers 1 --data.batch_size 2 --data.crop_size [32,32] "
    "--trainer.max_epochs 1 --trainer.accelerator cpu --run run"
)


@pytest.mark.parametrize(("entry", "command"), [("module", DIAGNOSE), ("script", DIAGNOSE), ("script", FIT)])
def test_no_file_of_the_current_folder_is_taken_for_a_module(entry: str, command: str, baits: Path) -> None:
    if entry not in ENTRIES:
        pytest.skip("the script is not installed")
    done, taken = run(ENTRIES[entry], baits, *command.split())
    assert taken == []
    assert done.returncode == 0, done.stderr


OWN = """import helper
from hardpix.diagnosis.scores import Column, Score
import numpy as np

class Wrong(Score):
    columns = (Column("mistaken", "Mistaken", {"set", "image"}, "count", "low", "Wrong pixels."),)

    def count(self, maps):
        import later
        return np.array([later.ZERO + helper.ZERO])

    def compute(self, counts):
        return {"mistaken": counts[0]}
"""


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_own_modules_are_found_with_all_that_they_import(place: str, baits: Path) -> None:
    folder = baits.parent / place
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(OWN)
    for name in ("helper", "later"):
        (folder / f"{name}.py").write_text("import random\nZERO = 0\n")
    words = [*DIAGNOSE.split(), "--scores", "mine.Wrong"]
    done, taken = run(ENTRIES["module"], baits, *words, *(["--path", str(folder)] if place == "elsewhere" else []))
    assert done.returncode == 0, done.stderr
    assert taken == []
    assert '"mistaken"' in (baits / "out" / "summary.json").read_text()


def test_a_folder_that_is_none_is_said(baits: Path) -> None:
    done, _ = run(ENTRIES["module"], baits, *DIAGNOSE.split(), "--path", "nowhere")
    assert done.returncode == 2
    assert "expected a folder of your own modules as --path, found nowhere" in done.stderr


def test_an_optional_package_is_none_of_the_current_folder(baits: Path) -> None:
    """As if it were not installed: the folder of a clone is no package either."""
    (baits / "ray.py").write_text(BAIT)
    code = (
        "import sys; sys.path = [p for p in sys.path if p]\n"
        "from hardpix.cli.own_modules import name_modules, own_modules\n"
        "with own_modules(['.']):\n"
        "    name_modules('--model.network ray.Net hardpix_plugin.Net')\n"
        "    import hardpix_plugin\n"
        "    try: import ray\n"
        "    except ModuleNotFoundError: pass\n"
    )
    _, taken = run([sys.executable, "-P", "-c", code], baits)
    assert taken == ["hardpix_plugin"]
