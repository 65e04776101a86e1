"""Peak memory of loading the full KDD Cup 99, and of a run on the 10 percent file and its test file.

The full file's 4,898,431 rows are repeated rows of the 10 percent file, read by the same loader. The run takes a few
steps on all 805,050 rows: without the cache of prepared rows, then writing it, then reading it. Each in a separate
process; the peak is the operating system's figure minus the memory held after the imports.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from adbench.config.paths import data_folder
from adbench.data import kddcup99_full
from adbench.data.reading.upstream import read_gzip

MEASURE = """
import json, sys, time
from adbench.data import kddcup99_full
kddcup99_full.INFO.files.update(json.loads(sys.argv[2]))
peak = lambda: 1024 * int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
before, start = peak(), time.perf_counter()
table = kddcup99_full.load(sys.argv[1])
matrix = table.features.numeric.nbytes + table.features.codes.nbytes
print(len(table), time.perf_counter() - start, matrix, peak() - before)
"""

RUN = """
import importlib, json, sys
import adbench.runner.stages
from adbench.runner import run as runner
from adbench.config.compose import compose
config = compose(sys.argv[1:])
for part in config.values():
    if isinstance(part, dict) and "_target_" in part:
        importlib.import_module(part["_target_"].rpartition(".")[0])
peak = lambda: 1024 * int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
before = peak()
run = runner.train(sys.argv[1:], force=True)
columns = json.loads((run.folder / "model.json").read_text())["n_features"]
print(run.metrics["n_fit"] + run.metrics["n_calibration"] + run.metrics["n_test"], columns, peak() - before)
"""
ALL_ROWS = ("model=ae", "data=kddcup99", "protocol=random_split", "debug=one_batch")


def main() -> None:
    print(__doc__.splitlines()[0])
    running()
    loading()


def running() -> None:
    with tempfile.TemporaryDirectory() as folder:
        caches = {"without the cache": "false", "writing it": f"{folder}/cache", "reading it": f"{folder}/cache"}
        for name, cache in caches.items():
            command = [sys.executable, "-c", RUN, *ALL_ROWS, f"cache={cache}", f"runs_dir={folder}/runs"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows, columns, peak = (float(word) for word in done.stdout.split())
            matrix = rows * columns * 4
            print(
                f"a run on {rows:,.0f} rows, {matrix / 1e6:.0f} MB as float32, {name:17}:"
                f" peak memory beyond the imports {peak / 1e6:.0f} MB, {peak / matrix:.2f} times that"
            )


def loading() -> None:
    n_rows = kddcup99_full.INFO.rows["kddcup.data"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "kddcup99"
        root.mkdir()
        (root / "corrected.gz").symlink_to(data_folder().resolve() / "kddcup99" / "corrected.gz")
        lines = read_gzip(data_folder() / "kddcup99" / "kddcup.data_10_percent.gz").splitlines(keepends=True)
        content = b"".join(lines * (n_rows // len(lines)) + lines[: n_rows % len(lines)])
        (root / "kddcup.data.gz").write_bytes(gzip.compress(content, compresslevel=1))
        files = kddcup99_full.INFO.files | {"kddcup.data": hashlib.sha256(content).hexdigest()}
        del lines, content
        command = [sys.executable, "-c", MEASURE, folder, json.dumps(files)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, seconds, matrix, peak = (float(word) for word in done.stdout.split())
    print(f"{rows:,.0f} rows loaded in {seconds:.1f} s; their features take {matrix / 1e9:.2f} GB")
    print(f"peak memory beyond the imports {peak / 1e9:.2f} GB, {peak / matrix:.2f} times the features")


if __name__ == "__main__":
    main()
