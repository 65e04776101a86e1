"""Memory and speed of a run on a table kept on disk, with as many rows as the full KDD Cup 99, 4,898,431.

They are repeated rows of the 10 percent file, as Parquet or CSV. The attacks, 80 % of them, are learned from, so that
most of the table is fitted on. `adbench train` runs in a separate process, once with everything on disk (memory_gb=0)
and, with --both, once in memory; its memory is measured by the operating system.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from adbench.config.paths import data_folder
from adbench.data import kddcup99, kddcup99_full
from adbench.data.kdd_columns import TYPES
from adbench.data.reading.upstream import CATEGORY, parse_csv, read_gzip

SAMPLED_SECONDS = 0.02
STAGES = {"load": "n", "preprocess": "n", "transform": "n", "fit": "n_fit", "score": "n_test", "controls": "n_test",
          "evaluate": "n_test"}  # fmt: skip
GIB = 2**30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--rows", type=int, default=kddcup99_full.INFO.rows["kddcup.data"])
    parser.add_argument("--both", action="store_true", help="in memory, too")
    parser.add_argument("overrides", nargs="*", help="of the run, such as model=vae")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows.{arguments.format}"
        write(path, arguments.rows)
        print(f"{arguments.rows:,} rows in a {arguments.format} file of {path.stat().st_size / GIB:.2f} GiB")
        for memory in ("0", "null") if arguments.both else ("0",):
            measure(path, memory, Path(folder), arguments.overrides)


def write(path: Path, n_rows: int) -> None:
    """Write the table in pieces."""
    name = "kddcup.data_10_percent"
    source = data_folder() / "kddcup99" / f"{name}.gz"
    once = parse_csv(read_gzip(source), source, TYPES | {"label": CATEGORY}, kddcup99.INFO.rows[name])
    columns = [column.cast(pa.string()) if column.type == CATEGORY else column for column in once.columns]
    columns[-1] = pc.if_else(pc.equal(columns[-1], "normal."), "normal", "attack")
    once = pa.table(columns, names=once.column_names)
    open_ = pyarrow.parquet.ParquetWriter if path.suffix == ".parquet" else pyarrow.csv.CSVWriter
    with open_(str(path), once.schema) as writer:
        for start in range(0, n_rows, len(once)):
            writer.write_table(once.slice(0, min(len(once), n_rows - start)))


def measure(path: Path, memory: str, folder: Path, more: list[str]) -> None:
    """Print one run's peak memory beyond that held after its imports."""
    overrides = [
        *("model=ae", "data=table", f"data.path={path}", "data.label=label", "data.normal=attack"),
        *("data.categorical=[protocol_type,service,flag]", "protocol.test_fraction=0.1", "controls.nearest_rows=500"),
        *(
            "trainer.max_epochs=1",
            f"memory_gb={memory}",
            f"cache={folder / 'cache' / memory}",
            f"runs_dir={folder / memory}",
        ),
    ]
    script = "import torch, pytorch_lightning, adbench.runner.stages; from adbench.cli.main import main; main()"
    command = [sys.executable, "-c", script, "train", *overrides, *more, "--json"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        peaks = watch(process)
        assert process.stdout is not None
        document = json.loads(process.stdout.read())
    seconds = time.perf_counter() - start
    metrics = document["metrics"]
    metrics["n"] = metrics["n_fit"] + metrics["n_calibration"] + metrics["n_test"]
    entries = [entry for entry in (folder / "cache" / memory).glob("*") if (entry / "fit").exists()]
    matrices = sum(file.stat().st_size for entry in entries for file in entry.glob("x_*"))
    print(f"memory_gb={memory}: {seconds:.0f} s, matrices of {matrices / GIB:.2f} GiB, AUROC {metrics['roc_auc']:.4f}")
    for name, peak in peaks.items():
        print(f"  peak {name} {peak / GIB:.2f} GiB, {peak / matrices:.2f} times the matrices")
    for stage, rows in STAGES.items():
        took = metrics[f"{stage}_seconds"]
        print(f"  {stage:10} {took:7.1f} s {metrics[rows] / took:12,.0f} rows/s")


def watch(process: "subprocess.Popen[str]") -> dict[str, int]:
    """Peak memory of a process in bytes: private and resident."""
    peaks = {"RssAnon": 0, "VmRSS": 0}
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            break
        for line in status.splitlines():
            name, _, value = line.partition(":")
            if name in peaks:
                peaks[name] = max(peaks[name], int(value.split()[0]) * 1024)
        time.sleep(SAMPLED_SECONDS)
    return peaks


if __name__ == "__main__":
    main()
