"""Peak memory of loading the full KDD Cup 99: 4,898,431 rows, made of repeated rows of the 10 percent file.

The same loader reads them, in a process of its own; the peak is the operating system's figure, less what the process
held after its imports.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from adbench.data import kddcup99_full
from adbench.data.files import read_gzip
from adbench.paths import data_folder

MEASURE = """
import json, resource, sys, time
from adbench.data import kddcup99_full
kddcup99_full.FILES = json.loads(sys.argv[2])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, start = peak(), time.perf_counter()
table = kddcup99_full.load(sys.argv[1])
matrix = table.features.numeric.nbytes + table.features.codes.nbytes
print(len(table), time.perf_counter() - start, matrix, peak() - before)
"""


def main() -> None:
    print(__doc__.splitlines()[0])
    n_rows = kddcup99_full.ROWS["kddcup.data"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "kddcup99"
        root.mkdir()
        (root / "corrected.gz").symlink_to(data_folder().resolve() / "kddcup99" / "corrected.gz")
        lines = read_gzip(data_folder() / "kddcup99" / "kddcup.data_10_percent.gz").splitlines(keepends=True)
        content = b"".join(lines * (n_rows // len(lines)) + lines[: n_rows % len(lines)])
        (root / "kddcup.data.gz").write_bytes(gzip.compress(content, compresslevel=1))
        files = kddcup99_full.FILES | {"kddcup.data": hashlib.sha256(content).hexdigest()}
        del lines, content
        command = [sys.executable, "-c", MEASURE, folder, json.dumps(files)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, seconds, matrix, peak = (float(word) for word in done.stdout.split())
    print(f"{rows:,.0f} rows loaded in {seconds:.1f} s; their features take {matrix / 1e9:.2f} GB")
    print(f"peak memory beyond the imports {peak / 1e9:.2f} GB, {peak / matrix:.2f} times the features")


if __name__ == "__main__":
    main()
