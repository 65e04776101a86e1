"""NSL-KDD: KDD Cup 99 without its duplicate rows.

Tavallaee, Bagheri, Lu, Ghorbani: "A Detailed Analysis of the KDD CUP 99 Data Set", CISDA 2009.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.data.files import parse_csv, read_verified
from adbench.data.table import NORMAL, Features, Table
from adbench.errors import DataError
from adbench.paths import data_folder

TITLE = "NSL-KDD: network connections, KDDTrain+ and KDDTest+"
LICENCE = "redistribution and mirroring allowed with a citation of Tavallaee et al., CISDA 2009"
CITATION = (
    "M. Tavallaee, E. Bagheri, W. Lu, A. A. Ghorbani, A Detailed Analysis of the KDD CUP 99 Data Set, IEEE Symposium "
    "on Computational Intelligence for Security and Defense Applications (CISDA), 2009"
)
SOURCE = "Canadian Institute for Cybersecurity, University of New Brunswick, https://www.unb.ca/cic/datasets/nsl.html"
NOTES = (
    "The column difficulty knows the label (AUROC .786 alone) and is dropped.",
    "num_outbound_cmds is constant.",
    "su_attempted is called binary and takes the value 2 in 61 rows; it is kept as a number.",
    "17 of the 37 attack types of KDDTest+ (3,750 rows) do not occur in KDDTrain+.",
    "16 training rows and 108 test rows repeat another row's features under another label.",
)

# Upstream file -> sha256 of its uncompressed bytes, the same in eight independent public copies.
FILES = {
    "KDDTrain+.txt": "1b86d2f957b33082081bba410fe129b475efebcc13c9014c3f447c8271aadf95",
    "KDDTest+.txt": "fa46b0935342616aa83b7c2578db355b6a7aaabbc492248172c7a1e8b7ab8f84",
}
ROWS = {"KDDTrain+.txt": 125_973, "KDDTest+.txt": 22_544}
# Folders that are named in public code; the sha256 decides whether what they give is the file.
MIRRORS = ("https://raw.githubusercontent.com/defcom17/NSL_KDD/master",)

CATEGORICAL = ("protocol_type", "service", "flag")
# In file order, from the header of KDDTrain+.arff; the file itself has none.
COLUMNS = [
    "duration",
    "protocol_type",
    "service",
    "flag",
    "src_bytes",
    "dst_bytes",
    "land",
    "wrong_fragment",
    "urgent",
    "hot",
    "num_failed_logins",
    "logged_in",
    "num_compromised",
    "root_shell",
    "su_attempted",
    "num_root",
    "num_file_creations",
    "num_shells",
    "num_access_files",
    "num_outbound_cmds",
    "is_host_login",
    "is_guest_login",
    "count",
    "srv_count",
    "serror_rate",
    "srv_serror_rate",
    "rerror_rate",
    "srv_rerror_rate",
    "same_srv_rate",
    "diff_srv_rate",
    "srv_diff_host_rate",
    "dst_host_count",
    "dst_host_srv_count",
    "dst_host_same_srv_rate",
    "dst_host_diff_srv_rate",
    "dst_host_same_src_port_rate",
    "dst_host_srv_diff_host_rate",
    "dst_host_serror_rate",
    "dst_host_srv_serror_rate",
    "dst_host_rerror_rate",
    "dst_host_srv_rerror_rate",
]
NUMERIC = tuple(name for name in COLUMNS if name not in CATEGORICAL)

# Attack types by family: KDD Cup 99's own list (training_attack_types) and, for the types that occur only in
# the test file, the table of Tavallaee et al. 2009.
FAMILIES = {
    "dos": "back land neptune pod smurf teardrop apache2 mailbomb processtable udpstorm worm",
    "probe": "ipsweep nmap portsweep satan mscan saint",
    "r2l": "ftp_write guess_passwd imap multihop phf spy warezclient warezmaster httptunnel named sendmail"
    " snmpgetattack snmpguess xlock xsnoop",
    "u2r": "buffer_overflow loadmodule perl rootkit ps sqlattack xterm",
}
FAMILY_OF = {attack: family for family, attacks in FAMILIES.items() for attack in attacks.split()}
FAMILY_OF[NORMAL] = NORMAL

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
# The last column, difficulty, counts how many of 21 reference classifiers got the row right: it knows the
# label (AUROC .786 alone), so it is parsed and dropped.
_TYPES = {name: _DICTIONARY if name in CATEGORICAL else pa.float64() for name in COLUMNS} | {
    "attack": _DICTIONARY,
    "difficulty": pa.int8(),
}


def load(folder: str | None = None) -> Table:
    """KDDTrain+ followed by KDDTest+, each verified against its sha256 and row count.

    folder: holds `nslkdd/KDDTrain+.txt.gz` and `nslkdd/KDDTest+.txt.gz`; by default the bundled one.

    Raises DataError when a file is missing, altered or malformed.
    """
    root = (Path(folder) if folder else data_folder()) / "nslkdd"
    if not root.is_dir():
        raise DataError(
            f"expected the folder {root} with {' and '.join(f'{name}.gz' for name in FILES)}, which does not "
            "exist; data.folder= names the folder that holds nslkdd/"
        )
    parts = []
    for name, sha256 in FILES.items():
        path = root / f"{name}.gz"
        parts.append(parse_csv(read_verified(path, sha256), path, _TYPES, ROWS[name]))
    # Both files get one vocabulary a column; which values were seen in training is the encoder's business.
    table = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    attack = _strings(table["attack"])
    family = _family(attack)
    return Table(
        name="nslkdd",
        features=_features(table),
        label=(attack != NORMAL).astype(np.int8),
        family=family,
        attack=attack,
        is_test=np.repeat([False, True], [len(part) for part in parts]),
        fingerprints=FILES,
    )


def _features(table: pa.Table) -> Features:
    return Features(
        numeric=np.stack([table[name].to_numpy() for name in NUMERIC], axis=1),
        numeric_names=NUMERIC,
        codes=np.stack([table[name].chunk(0).indices.to_numpy() for name in CATEGORICAL], axis=1),
        vocabularies={name: tuple(table[name].chunk(0).dictionary.to_pylist()) for name in CATEGORICAL},
    )


def _strings(column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    chunk = column.chunk(0)
    return np.array(chunk.dictionary.to_pylist())[chunk.indices.to_numpy()]


def _family(attack: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    names, inverse = np.unique(attack, return_inverse=True)
    unknown = [name for name in names if name not in FAMILY_OF]
    if unknown:
        raise DataError(f"expected the attack types of NSL-KDD, got {unknown[0]!r}; is it another file?")
    return np.array([FAMILY_OF[name] for name in names])[inverse]
