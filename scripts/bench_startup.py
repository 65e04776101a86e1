"""How long a user waits: `adbench --help` against importing typer and rich, and the main job as a whole process."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

REPETITIONS = 11
ADBENCH = str(Path(sys.executable).with_name("adbench"))


def main() -> None:
    print(__doc__.splitlines()[0])
    help_command = [ADBENCH, "--help"]
    imports = [sys.executable, "-c", "import typer, rich"]
    seconds(help_command), seconds(imports)  # once for the file cache
    ours, theirs = [], []
    for _ in range(REPETITIONS):
        ours.append(seconds(help_command))
        theirs.append(seconds(imports))
    print(f"adbench --help                    {median(ours):6.2f} s")
    print(f'python -c "import typer, rich"    {median(theirs):6.2f} s')
    print(f"ratio                             {median(ours) / median(theirs):6.2f}")
    for _ in range(3):
        with tempfile.TemporaryDirectory() as runs:
            took = seconds([ADBENCH, "train", "model=vae", "data=nslkdd", f"runs_dir={runs}"])
        print(f"adbench train model=vae data=nslkdd, whole process  {took:6.1f} s", flush=True)


def seconds(command: list[str]) -> float:
    """The wall-clock time of a command, whose output is thrown away."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
