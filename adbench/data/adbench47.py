"""ADBench's 47 classical tables, each one dataset: data.table=cardio.

Han, Hu, Huang, Jiang, Zhao: "ADBench: Anomaly Detection Benchmark", NeurIPS 2022.
"""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Features, Table
from adbench.errors import ConfigError, DataError
from adbench.text import suggest

COMMIT = "3dac8221081e190f157d78e93bfa8867f90d0965"
# Numbered from 1, as in the file names.
TABLES = tuple(
    """
    ALOI annthyroid backdoor breastw campaign cardio Cardiotocography celeba census cover donors fault fraud glass
    Hepatitis http InternetAds Ionosphere landsat letter Lymphography magic.gamma mammography mnist musk optdigits
    PageBlocks pendigits Pima satellite satimage-2 shuttle skin smtp SpamBase speech Stamps thyroid vertebral vowels
    Waveform WBC WDBC Wilt wine WPBC yeast
    """.split()
)
INFO = DatasetInfo(
    title="ADBench, 47 tables of many fields: data.table=cardio is one of them",
    licence="BSD 2-Clause for the collection; each table under the terms of its source (UCI, OpenML, ODDS)",
    citation="S. Han, X. Hu, H. Huang, M. Jiang, Y. Zhao, ADBench: Anomaly Detection Benchmark, Advances in Neural "
    "Information Processing Systems 35 (NeurIPS), Datasets and Benchmarks, 2022",
    source=f"https://github.com/Minqi824/ADBench at {COMMIT[:7]}, adbench/datasets/Classical",
    notes=(
        "22 of the tables are known by their sha256 and fetched; any of the others is read from data.folder.",
        "On these 22, with all their labels, shipped defaults were chosen: results on them confirm nothing.",
        "Columns have no names upstream, and are called x1, x2 and so on; categories were one-hot or numbered.",
        "There is no test part, and kinds of anomalies have no names.",
        "data.table=thyroid (3,772 rows, 6 columns) is another version of the data than data=thyroid.",
        "Rows repeat: 30 % of mammography and 34 % of breastw are copies of another row.",
    ),
    files={
        "2_annthyroid.npz": "e738f7c58a8740d2c4aac4c71ff49ce5e1d1aa16f44178135fc9c09df05fad1b",
        "4_breastw.npz": "4f37ce07dbc25ddad8178fdc6d664ab46d2d0000ee28c2787c3c7ff3c03ef9f6",
        "5_campaign.npz": "74dd4d0072d6c6f1aabab63bc102f9633454f32bb936fa9bcfbd38f9f2386bcd",
        "6_cardio.npz": "bc5009bde6930b4d298b594f31b34485a9a17210cff0e8fb00a8c3068b885a2d",
        "7_Cardiotocography.npz": "5ae84910430f05923e11b6f537243263977c9136949dabd891e3570aeec51e29",
        "12_fault.npz": "ec27301f9a4cf7c5d8b22c360cf37ddb043b7fb062465723dfd8b34e2771e5dd",
        "18_Ionosphere.npz": "bca46cb0cfd1bf9ddef6cde5ad2215d54fb0189508d0d4c4eb98e788cad69001",
        "20_letter.npz": "f986d3da80cf1fa2aea83a5ebe73b7d4800e0d4c01fdd1ae074b58d20f10d039",
        "23_mammography.npz": "a0308ac9712d78321073b1c2dc98dc37665c0f35c1cc33019416fe8f8d7de7ea",
        "25_musk.npz": "2ed3f4392197b76a1e59116ff880c7720a4b026cf4842073a53b56fdea265017",
        "26_optdigits.npz": "60de17a375a278ba220a7849727d998aa02b5e2f9fd17732a004bba28de4656e",
        "27_PageBlocks.npz": "10a9b4d5bb5d3b9083caab4c4062f665610eada703c3d927bf7c34b1f2d0d223",
        "28_pendigits.npz": "c4936b89dcdad59d303020e492f763a0f54170080d787c77497609acbb9c2d79",
        "29_Pima.npz": "215454bb263a2f040945c9ea7bd7f06f1e89a61a3143bdb6f196e3887e801a7d",
        "32_shuttle.npz": "26900b0f6be45d9ddb7a402c9b2f956ceda42d23a8ca4cf4406b8bc1352823d1",
        "35_SpamBase.npz": "d0c46c7928e43f6496bcd06e09de0b70f6bc8143792dfa0a43f450263d254e9b",
        "37_Stamps.npz": "99fe739447284f613fa54bf2dccdb51c5120175ce6260adec6dad77576c42509",
        "38_thyroid.npz": "8de161b3f235b7647bb0b39a836d983ff61d67bf234edac461da2d71e889cb87",
        "40_vowels.npz": "4bfc4244d1c882773bbbc50d4a5db5e52276e53506e46b2d45e02d074cfcb1b6",
        "41_Waveform.npz": "6c9d867337ad1a2f8372c1d27f4c032f0401237e2041b7c45f00de8d319ff30f",
        "44_Wilt.npz": "c70b72aa611ec87b20efb400943ef3ce4f8bf7aa58fcef825fbd28cc5cee3cc9",
        "47_yeast.npz": "bbb15c873d78a4f6a589f46d0f75814595e2282d2ae7ce7779c750f276c3770d",
    },
    rows={
        "2_annthyroid.npz": 7_200,
        "4_breastw.npz": 683,
        "5_campaign.npz": 41_188,
        "6_cardio.npz": 1_831,
        "7_Cardiotocography.npz": 2_114,
        "12_fault.npz": 1_941,
        "18_Ionosphere.npz": 351,
        "20_letter.npz": 1_600,
        "23_mammography.npz": 11_183,
        "25_musk.npz": 3_062,
        "26_optdigits.npz": 5_216,
        "27_PageBlocks.npz": 5_393,
        "28_pendigits.npz": 6_870,
        "29_Pima.npz": 768,
        "32_shuttle.npz": 49_097,
        "35_SpamBase.npz": 4_207,
        "37_Stamps.npz": 340,
        "38_thyroid.npz": 3_772,
        "40_vowels.npz": 1_456,
        "41_Waveform.npz": 3_443,
        "44_Wilt.npz": 4_819,
        "47_yeast.npz": 1_484,
    },
    mirrors=(f"https://raw.githubusercontent.com/Minqi824/ADBench/{COMMIT}/adbench/datasets/Classical",),
    folder="adbench47",
    # Tables derived from the same upstream data, in the collection or outside it.
    table_groups=(
        dict.fromkeys(("annthyroid", "thyroid"), "thyroid")  # the institute's records, as in data=thyroid
        | dict.fromkeys(("cardio", "Cardiotocography"), "adbench47-cardio")
        | dict.fromkeys(("http", "smtp"), "kddcup99")  # connections of these two services
        | {"backdoor": "unswnb15"}
        | dict.fromkeys(("landsat", "satellite", "satimage-2"), "adbench47-satellite")  # Statlog's Landsat pictures
        | dict.fromkeys(("breastw", "WBC", "WDBC", "WPBC"), "adbench47-breastw")  # one hospital in Wisconsin
    ),
    # The development half: all tables with known bytes in this half.
    chosen_on=tuple(
        """
        annthyroid breastw campaign cardio Cardiotocography fault Ionosphere letter mammography musk optdigits
        PageBlocks pendigits Pima shuttle SpamBase Stamps thyroid vowels Waveform Wilt yeast
        """.split()
    ),
)


def load(folder: str | None = None, table: str | None = None, drop: list[str] | None = None) -> Table:
    """One table of the collection; the protocol chooses the test rows.

    folder: contains `6_cardio.npz` etc., directly or in `adbench47/`; by default the folder that `adbench data fetch
    adbench47` downloads to. table: its name, such as cardio. drop: columns to leave out. Raises ConfigError for a table
    that is not in the collection, DataError for a file that is missing or malformed.
    """
    (path,) = files_read(folder, table)
    x, y, sha256 = _read(path)
    kept = np.setdiff1d(np.arange(x.shape[1]), [_position(name, x.shape[1]) for name in drop or []])
    kind = CategoryColumn.renamed([NORMAL, "anomaly"], y)
    return Table(
        name=f"adbench47-{table}",
        features=Features(
            np.asfortranarray(x[:, kept], dtype=np.float64),
            tuple(f"x{column + 1}" for column in kept),
            np.empty((len(x), 0), np.int32),
            {},
        ),
        label=y,
        family=kind,
        attack=kind,
        is_test=np.zeros(len(x), bool),
        fingerprints={path.name: sha256},
        notes=tuple(_notes(path, sha256)),
    )


def files_read(folder: str | None = None, table: str | None = None, **_: Any) -> list[Path]:
    """The single file that `load` reads."""
    root = Path(folder) if folder else data_folder()
    places = (root / INFO.folder, root)
    if table is None:
        there = [name for name in TABLES if any((place / _file(name)).is_file() for place in places)]
        raise ConfigError(
            f"expected data.table, one of the {len(TABLES)} tables of ADBench, got none; write data.table=cardio;"
            f" {root} has {', '.join(there) or 'none'}"
        )
    if table not in TABLES:
        raise ConfigError(f"expected a table of ADBench, got {table!r}{suggest(table, TABLES)}")
    for place in places:
        if (place / _file(table)).is_file():
            return [place / _file(table)]
    file = _file(table)
    known = f"adbench data fetch {INFO.folder} brings it"
    if file not in INFO.files:
        known = f"get it at {INFO.mirrors[0]}/{file}"
    raise DataError(
        f"expected {file} in {root} or in {root / INFO.folder}, got no such file; {known}, or data.folder= names the"
        " folder that holds it"
    )


def _file(table: str) -> str:
    return f"{TABLES.index(table) + 1}_{table}.npz"


def _read(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.int8], str]:
    """Rows, labels, and the sha256 of the file."""
    try:
        content = path.read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            x, y = arrays["X"], np.ravel(arrays["y"])
    except (
        OSError,
        EOFError,
        LookupError,
        MemoryError,
        TypeError,
        AttributeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(
            f"expected a table of ADBench with the arrays X and y at {path}, got a file that cannot be read"
            f" ({' '.join(str(error).split())[:200]}); adbench data verify {INFO.folder} tells which files are whole"
        ) from None
    if x.ndim != 2 or not len(x) or x.dtype.kind not in "biuf" or len(x) != len(y):
        raise DataError(
            f"expected rows of numbers X and a label y for each in {path}, got X of {x.dtype} {x.shape} and {len(y):,}"
            " labels; is it another file?"
        )
    if not np.isin(y, [0, 1]).all():
        raise DataError(
            f"expected the labels 0 and 1 in {path}, got {', '.join(map(str, np.unique(y)[:5]))}; is it another file?"
        )
    return x, y.astype(np.int8), hashlib.sha256(content).hexdigest()


def _position(name: str, n_columns: int) -> int:
    names = [f"x{i + 1}" for i in range(n_columns)]
    if name not in names:
        raise ConfigError(f"expected data.drop to name columns, got {name}; there is x1 to x{n_columns}")
    return names.index(name)


def _notes(path: Path, sha256: str) -> list[str]:
    notes = []
    if (wanted := INFO.files.get(path.name)) is None:
        notes.append(f"the bytes of {path.name} are not known to adbench: compare its rows with the paper's")
    elif sha256 != wanted:
        notes.append(f"{path} is not the file of ADBench at {COMMIT[:7]}: figures on it compare with nobody's")
    if path.name == _file("thyroid"):
        notes.append("this thyroid is another version than the dataset thyroid")
    return notes
