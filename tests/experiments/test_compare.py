import subprocess
import sys
from pathlib import Path


def test_help_does_not_wait_for_torch():
    program = "import sys, experiments.compare; sys.exit('torch' in sys.modules)"
    repository = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=repository, check=False).returncode == 0
