"""CIC-IDS2017: five days of flows in a small network; normal traffic on Monday, attacks as well from Tuesday on.

Sharafaldin, Lashkari, Ghorbani: "Toward Generating a New Intrusion Detection Dataset and Intrusion Traffic
Characterization", ICISSP 2018.

The layout is that of MachineLearningCSV.zip, as seen in a public excerpt of
Friday-WorkingHours-Afternoon-DDos.pcap_ISCX.csv (Paris-svg/dataaset at 924d358): 79 columns, most names with a leading
blank, `Fwd Header Length` twice, `Infinity` in `Flow Bytes/s` and `Flow Packets/s` if the duration is 0. The labels
with the byte 0x96, and its variants in copies, are known from other people's code.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.reading.large_csv import Layout, find, first_line, read_large
from adbench.errors import ConfigError, DataError
from adbench.storage.scratch import Scratch
from adbench.text import override

INFO = DatasetInfo(
    title="CIC-IDS2017: network flows of five days, the eight files of MachineLearningCSV (not bundled)",
    licence="redistribution and mirroring allowed with a citation of Sharafaldin et al., ICISSP 2018",
    citation="I. Sharafaldin, A. H. Lashkari, A. A. Ghorbani, Toward Generating a New Intrusion Detection Dataset and "
    "Intrusion Traffic Characterization, 4th International Conference on Information Systems Security and Privacy "
    "(ICISSP), 2018",
    source="Canadian Institute for Cybersecurity, University of New Brunswick, "
    "https://www.unb.ca/cic/datasets/ids-2017.html: MachineLearningCSV.zip, unpacked in data.folder or in its "
    "cicids2017/",
    notes=(
        "No checksum of the files is published, so any bytes of their layout are read. Public copies have "
        "2,830,743 rows.",
        "Fwd Header Length stands there twice; the second is left out.",
        "Flow Bytes/s and Flow Packets/s are NaN or infinite where the duration is 0: they are read as 0, and the "
        "column 'rates are missing' says so.",
        "Destination Port is a name rather than a number, and attacks go to few of them: "
        f"{override('data.drop', ['Destination Port'])} leaves it out.",
        "Labels of web attacks have a dash of another encoding, which copies spoil in several ways; it is read as -.",
        "Engelen, Rimmer, Joosen, Troubleshooting an Intrusion Detection Dataset: the CICIDS2017 Case Study (IEEE "
        "SPW 2021), found errors of traffic generation, flow construction, feature extraction and labelling: TCP "
        "flows end at the wrong packet, and attempts without effect are labelled as attacks.",
        "Rosay, Cheval, Carlier, Leroux, Network Intrusion Detection: A Comprehensive Analysis of CIC-IDS2017 "
        "(ICISSP 2022), found features that are computed wrongly, wrong protocols, and packets grouped into wrong "
        "flows.",
        "Lanvin et al., Errors in the CICIDS2017 Dataset and the Significant Differences in Detection "
        "Performances It Makes (CRiSIS 2022), found packets out of order, duplicated packets, and attacks that "
        "are labelled as benign.",
        "Liu, Engelen, Lynar, Essam, Joosen, Error Prevalence in NIDS datasets: A Case Study on CIC-IDS-2017 and "
        "CSE-CIC-IDS-2018 (IEEE CNS 2022), found more of each, also in how the attacks were run.",
        "Corrected versions have other columns: read them by data=table.",
        "Loading takes 1.9 GB at its peak, 1.07 times the features; 0.3 GB where memory_gb is less than these take.",
    ),
    folder="cicids2017",
)
FOLDERS = (INFO.folder, "MachineLearningCVE", f"{INFO.folder}/MachineLearningCVE")
# File -> its number of rows in public copies.
ROWS = {
    "Monday-WorkingHours.pcap_ISCX.csv": 529_918,
    "Tuesday-WorkingHours.pcap_ISCX.csv": 445_909,
    "Wednesday-workingHours.pcap_ISCX.csv": 692_703,
    "Thursday-WorkingHours-Morning-WebAttacks.pcap_ISCX.csv": 170_366,
    "Thursday-WorkingHours-Afternoon-Infilteration.pcap_ISCX.csv": 288_602,
    "Friday-WorkingHours-Morning.pcap_ISCX.csv": 191_033,
    "Friday-WorkingHours-Afternoon-PortScan.pcap_ISCX.csv": 286_467,
    "Friday-WorkingHours-Afternoon-DDos.pcap_ISCX.csv": 225_745,
}
LABEL, TWICE, RATES = "Label", "Fwd Header Length", ("Flow Bytes/s", "Flow Packets/s")
# In file order, without surrounding blanks.
COLUMNS = tuple(
    re.split(
        r",\s*",
        """Destination Port, Flow Duration, Total Fwd Packets, Total Backward Packets, Total Length of Fwd Packets,
        Total Length of Bwd Packets, Fwd Packet Length Max, Fwd Packet Length Min, Fwd Packet Length Mean,
        Fwd Packet Length Std, Bwd Packet Length Max, Bwd Packet Length Min, Bwd Packet Length Mean,
        Bwd Packet Length Std, Flow Bytes/s, Flow Packets/s, Flow IAT Mean, Flow IAT Std, Flow IAT Max,
        Flow IAT Min, Fwd IAT Total, Fwd IAT Mean, Fwd IAT Std, Fwd IAT Max, Fwd IAT Min, Bwd IAT Total,
        Bwd IAT Mean, Bwd IAT Std, Bwd IAT Max, Bwd IAT Min, Fwd PSH Flags, Bwd PSH Flags, Fwd URG Flags,
        Bwd URG Flags, Fwd Header Length, Bwd Header Length, Fwd Packets/s, Bwd Packets/s, Min Packet Length,
        Max Packet Length, Packet Length Mean, Packet Length Std, Packet Length Variance, FIN Flag Count,
        SYN Flag Count, RST Flag Count, PSH Flag Count, ACK Flag Count, URG Flag Count, CWE Flag Count,
        ECE Flag Count, Down/Up Ratio, Average Packet Size, Avg Fwd Segment Size, Avg Bwd Segment Size,
        Fwd Header Length.1, Fwd Avg Bytes/Bulk, Fwd Avg Packets/Bulk, Fwd Avg Bulk Rate, Bwd Avg Bytes/Bulk,
        Bwd Avg Packets/Bulk, Bwd Avg Bulk Rate, Subflow Fwd Packets, Subflow Fwd Bytes, Subflow Bwd Packets,
        Subflow Bwd Bytes, Init_Win_bytes_forward, Init_Win_bytes_backward, act_data_pkt_fwd, min_seg_size_forward,
        Active Mean, Active Std, Active Max, Active Min, Idle Mean, Idle Std, Idle Max, Idle Min, Label""",
    )
)
LAYOUT = Layout(
    names=COLUMNS,
    numbers=tuple(name for name in COLUMNS if name not in (f"{TWICE}.1", LABEL)),
    categories=(),
    labels=(LABEL,),
    may_lack=RATES,
    indicator="rates are missing",
    header=True,
)
FAMILIES = {
    "brute force": ("FTP-Patator", "SSH-Patator"),
    "dos": ("DoS slowloris", "DoS Slowhttptest", "DoS Hulk", "DoS GoldenEye", "Heartbleed"),
    "web attack": ("Web Attack - Brute Force", "Web Attack - XSS", "Web Attack - Sql Injection"),
    "infiltration": ("Infiltration",),
    "botnet": ("Bot",),
    "port scan": ("PortScan",),
    "ddos": ("DDoS",),
}
FAMILY_OF = {attack: family for family, attacks in FAMILIES.items() for attack in attacks} | {NORMAL: NORMAL}


def load(
    folder: str | None = None,
    days: list[str] | None = None,
    drop: list[str] | None = None,
    scratch: Scratch | None = None,
) -> Table:
    """The flows of all days, in order; the protocol chooses the test rows.

    folder: contains the eight files, compressed or not, directly or in `cicids2017/` or `MachineLearningCVE/`. days:
    words from their names, such as [Monday,DDos], to load only these files. drop: columns to leave out. Raises
    DataError if a file is missing or has another layout.
    """
    paths = files_read(folder, days)
    for path in paths:
        _check_header(path)
    rows = read_large(paths, LAYOUT, drop or [], scratch)
    attack = _attacks(rows.labels[LABEL])
    return Table(
        name="cicids2017",
        features=rows.features,
        label=(attack != NORMAL).astype(np.int8),
        family=CategoryColumn.renamed([FAMILY_OF[name] for name in attack.values], attack.codes),
        attack=attack,
        is_test=np.zeros(len(rows), bool),
        fingerprints=rows.fingerprints,
        notes=(
            f"no checksum of CIC-IDS2017 is published: {len(rows):,} rows of {len(paths)} files are read as they are",
            *(
                f"{path} has {n:,} rows, public copies have {known:,}"
                for path, n in zip(paths, rows.n_rows, strict=True)
                if n != (known := ROWS[path.name.removesuffix(".gz")])
            ),
            *(f"{n:,} rows have no {name}, which is read as 0" for name, n in rows.lacking.items() if n),
        ),
    )


def files_read(folder: str | None = None, days: list[str] | None = None, **_: Any) -> list[Path]:
    """The files that `load` reads."""
    root = Path(folder) if folder else data_folder()
    for day in days or []:
        if not any(str(day).lower() in file.lower() for file in ROWS):
            raise ConfigError(
                f"expected data.days to name files of CIC-IDS2017, got {day!r}; write words of their names, such as"
                f" {override('data.days', ['Monday', 'DDos'])}"
            )
    wanted = [file for file in ROWS if not days or any(str(day).lower() in file.lower() for day in days)]
    found = {file: find(root, FOLDERS, file) for file in wanted}
    if missing := [file for file, path in found.items() if path is None]:
        raise DataError(
            f"expected {' and '.join(missing)} in {root} or in {root / INFO.folder}, got no such file; unpack"
            " MachineLearningCSV.zip of the Canadian Institute for Cybersecurity there, or name its folder by"
            " data.folder="
        )
    return [path for path in found.values() if path is not None]


def _check_header(path: Path) -> None:
    names = [name.strip() for name in first_line(path).split(",")]
    expected = list(COLUMNS)
    if names == [TWICE if name == f"{TWICE}.1" else name for name in expected] or names == expected:
        return
    if "Flow ID" in names:
        raise DataError(
            f"expected the {len(COLUMNS)} columns of MachineLearningCSV in {path}, got those of GeneratedLabelledFlows"
            " or of a corrected version, with addresses and times; get MachineLearningCSV.zip, or read it as a"
            " table of your own"
        )
    raise DataError(
        f"expected the header {', '.join(COLUMNS[:3])}, … of {len(COLUMNS)} columns in {path}, got {len(names)}:"
        f" {', '.join(names)[:60]}…; is it another file?"
    )


def _attacks(column: CategoryColumn) -> CategoryColumn:
    names = [_attack(value) for value in column.values]
    if unknown := [value for value, name in zip(column.values, names, strict=True) if name not in FAMILY_OF]:
        raise DataError(f"expected the labels of CIC-IDS2017, got {unknown[0]!r}; is it another version?")
    return CategoryColumn.renamed(names, column.codes)


def _attack(label: str) -> str:
    """The intended label: the dash of a web attack is a byte that copies corrupt in several ways."""
    web = re.fullmatch(r"Web Attack\W*(\w.*)", label)
    return NORMAL if label == "BENIGN" else f"Web Attack - {web[1]}" if web else label
