"""Loading and preprocessing KDD Cup 99's 805,050 rows: adbench against pandas.read_csv and a scikit-learn pipeline.

Both read the same compressed files, fit on the normal rows of the training file and transform all rows into one
float32 matrix: 1,000 quantiles per numeric column, one-hot for three categorical ones. They are interleaved in this
process; the figure is the ratio of medians. adbench also checks the files' sha256.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

from adbench.config.paths import data_folder
from adbench.data import kddcup99
from adbench.data.kdd_columns import CATEGORICAL, COLUMNS
from adbench.preprocess.quantile import Quantile

REPETITIONS = 3
Matrix = npt.NDArray[np.float32]


def main() -> None:
    print(__doc__.splitlines()[0])
    ours, theirs = [], []
    for _ in range(REPETITIONS):
        seconds, x = timed(with_adbench)
        ours.append(seconds)
        seconds, expected = timed(with_scikit_learn)
        theirs.append(seconds)
    n_numeric = len(COLUMNS) - len(CATEGORICAL)
    print(f"largest difference in a numeric column  {np.abs(x[:, :n_numeric] - expected[:, :n_numeric]).max():.1e}")
    print(f"adbench                                 {median(ours):6.2f} s")
    print(f"pandas.read_csv + scikit-learn          {median(theirs):6.2f} s")
    print(f"ratio                                   {median(ours) / median(theirs):6.2f}")


def with_adbench() -> Matrix:
    table = kddcup99.load()
    fit_rows = np.flatnonzero(~table.is_test & (table.label == 0))
    return Quantile(n_quantiles=1000).fit(table.features.take(fit_rows)).transform(table.features)


def with_scikit_learn() -> Matrix:
    paths = [data_folder() / "kddcup99" / f"{name}.gz" for name in kddcup99.INFO.files]
    train, test = (pd.read_csv(path, header=None, names=[*COLUMNS, "attack"]) for path in paths)
    numeric = [name for name in COLUMNS if name not in CATEGORICAL]
    transformer = ColumnTransformer(
        [
            ("numeric", QuantileTransformer(n_quantiles=1000, subsample=None), numeric),
            ("one_hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(CATEGORICAL)),
        ]
    )
    transformer.fit(train[train["attack"] == "normal."])
    x: Matrix = transformer.transform(pd.concat([train, test])).astype(np.float32)
    return x


def timed(work: Callable[[], Matrix]) -> tuple[float, Matrix]:
    start = time.perf_counter()
    x = work()
    return time.perf_counter() - start, x


if __name__ == "__main__":
    main()
