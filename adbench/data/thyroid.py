"""Thyroid disease: patient records and diagnoses of a medical institute, 1984 to 1987.

Quinlan, Compton, Horn, Lazarus: "Inductive knowledge acquisition: a case study", 1986.
"""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.reading.upstream import CATEGORY, Columns, read_columns, take_codes, take_features
from adbench.errors import DataError

INFO = DatasetInfo(
    title="Thyroid disease: 9,172 records of the Garvan Institute (thyroid0387)",
    licence="CC BY 4.0",
    citation="J. R. Quinlan, P. J. Compton, K. A. Horn, L. Lazarus, Inductive knowledge acquisition: a case study, "
    "Proceedings of the Second Australian Conference on Applications of Expert Systems, 1986",
    source="UCI Machine Learning Repository, https://archive.ics.uci.edu/dataset/102/thyroid+disease",
    notes=(
        "An anomaly is any diagnosis; its family goes by the first letter, its attack is the whole diagnosis.",
        "A lab value that was not measured is ?: TBG in 96 % of the rows, T3 in 28 %, TSH in 9 %, T4U, FTI and TT4 in "
        "less. It is read as 0, and the 0/1 column beside it, such as 'TSH measured', says so. ? for sex is a value of "
        "its own.",
        "Four ages are typing errors (455 and three above 65,000); they are kept.",
        "The record's number, which begins with its date, is left out.",
        "data=adbench47 data.table=thyroid is another, smaller version with six columns.",
    ),
    files={"thyroid0387.data": "4a20d104d4607afd7b1a477af5aa4381a2027f36cc7027f44bc2bd5a50c6724d"},
    rows={"thyroid0387.data": 9_172},
    mirrors=("https://archive.ics.uci.edu/ml/machine-learning-databases/thyroid-disease",),
    folder="thyroid",
)
DIAGNOSIS, NONE, MISSING = "diagnosis", "-", "?"
NUMBERS = ("age", "TSH", "T3", "TT4", "T4U", "FTI", "TBG")
CATEGORIES = ("sex", "referral source")
# In file order, from thyroid0387.names; the file has no header. Columns in neither list above are f or t.
COLUMNS = re.split(
    r",\s+",
    """age, sex, on thyroxine, query on thyroxine, on antithyroid medication, sick, pregnant, thyroid surgery,
    I131 treatment, query hypothyroid, query hyperthyroid, lithium, goitre, tumor, hypopituitary, psych, TSH measured,
    TSH, T3 measured, T3, TT4 measured, TT4, T4U measured, T4U, FTI measured, FTI, TBG measured, TBG,
    referral source""",
)
FAMILIES = {
    "ABCD": "hyperthyroid",
    "EFGH": "hypothyroid",
    "IJ": "binding protein",
    "K": "non-thyroidal illness",
    "LMN": "replacement therapy",
    "OPQ": "antithyroid treatment",
    "RST": "miscellaneous",
}
FAMILY_OF = {letter: family for letters, family in FAMILIES.items() for letter in letters} | {NONE: NORMAL}


def load(folder: str | None = None, drop: list[str] | None = None) -> Table:
    """All records; the protocol chooses the test rows.

    folder: contains `thyroid/thyroid0387.data.gz`; by default the bundled one. drop: columns to leave out. Raises
    DataError if the file is missing, altered or malformed.
    """
    root = (Path(folder) if folder else data_folder()) / INFO.folder
    types = dict.fromkeys((*COLUMNS, DIAGNOSIS), CATEGORY)
    columns, _ = read_columns(root, INFO.files, INFO.rows, types)
    records, rows = take_codes(columns, DIAGNOSIS)
    diagnoses = np.array([record.partition("[")[0] for record in records])
    if unknown := [diagnosis for diagnosis in diagnoses if diagnosis[:1] not in FAMILY_OF]:
        raise DataError(f"expected diagnoses of the letters A to T, got {str(unknown[0])!r}; is it another file?")
    for name in COLUMNS:
        if name not in CATEGORIES:
            columns[name] = _numbers(columns, name)
    attack = CategoryColumn.renamed(np.where(diagnoses == NONE, NORMAL, diagnoses), rows)
    return Table(
        name="thyroid",
        features=take_features(columns, drop),
        label=(diagnoses != NONE).astype(np.int8)[rows],
        family=CategoryColumn.renamed([FAMILY_OF[diagnosis[0]] for diagnosis in diagnoses], rows),
        attack=attack,
        is_test=np.zeros(len(rows), dtype=bool),
        fingerprints=INFO.files,
    )


def _numbers(columns: Columns, name: str) -> pa.ChunkedArray:
    """A column of texts as numbers; f and t become 0 and 1, missing values 0."""
    values, codes = take_codes(columns, name)
    words = {MISSING: 0.0} if name in NUMBERS else {"f": 0.0, "t": 1.0}
    numbers = [words[value] if value in words else float(value) for value in values]
    return pa.chunked_array([pa.array(np.array(numbers)[codes])])
