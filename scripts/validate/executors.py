"""Check that twelve jobs give the same table through every executor, except for times: `make executors`.

Slurm is submitit's local mode here, and Ray a cluster on this machine; each runs two jobs at a time.
"""

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ADBENCH = [sys.executable, "-c", "from adbench.cli.main import main; main()"]
JOBS = ["data=nslkdd", "model=ae,gan,iforest,pca", "seed=range(3)", "trainer.max_epochs=2"]
EXECUTORS = {
    "local": ["executor=local", "executor.workers=2"],
    "ray": ["executor=ray", "executor.workers=2"],
    "slurm": ["executor=slurm", "executor.cluster=local", "executor.workers=2"],
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = {name: table_of(Path(folder) / name, executor) for name, executor in EXECUTORS.items()}
    expected = tables["local"]
    same = True
    for name, table in tables.items():
        differing = [str(column) for column in expected if not table[column].equals(expected[column])]
        same = same and not differing and list(table) == list(expected)
        print(
            f"{name:6} {len(table)} runs, {(table['status'] == 'done').sum()} done, {len(list(table))} columns; ",
            end="",
        )
        print(f"other than local's: {', '.join(differing) or 'none'}")
    print(expected[["model", "seed", "roc_auc", "average_precision", "test_fpr"]].to_string(index=False))
    sys.exit(not same)


def table_of(runs: Path, executor: list[str]) -> pd.DataFrame:
    """The table of `adbench summarize --format csv` for a sweep, without times and paths."""
    start = time.perf_counter()
    subprocess.run([*ADBENCH, "sweep", *JOBS, *executor, f"runs_dir={runs}"], check=True, stdout=subprocess.DEVNULL)
    print(f"{runs.name}: {time.perf_counter() - start:.0f} s", flush=True)
    printed = subprocess.run(
        [*ADBENCH, "summarize", str(runs), "--format", "csv"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    table = pd.read_csv(io.StringIO(printed), dtype=str)  # compared digit by digit
    table["run"] = [Path(run).name for run in table["run"]]
    return table[[column for column in table if "second" not in str(column)]]


if __name__ == "__main__":
    main()
