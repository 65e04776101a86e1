"""Shill bidding: bidders in online auctions, some of whom only raise the price.

Alzahrani, Sadaoui: "Scraping and Preprocessing Commercial Auction Data for Fraud Classification", 2018.
"""

from pathlib import Path

import numpy as np

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.reading.upstream import (
    CATEGORY,
    NUMBER,
    WHOLE_NUMBER,
    read_columns,
    take_features,
    take_whole_numbers,
)

INFO = DatasetInfo(
    title="Shill bidding: bidders of 807 online auctions",
    licence="CC BY 4.0",
    citation="A. Alzahrani, S. Sadaoui, Scraping and Preprocessing Commercial Auction Data for Fraud Classification, "
    "arXiv:1806.00656, 2018; Clustering and Labeling Auction Fraud Data, Data Management, Analytics and Innovation, "
    "Springer, 2020",
    source="UCI Machine Learning Repository, https://archive.ics.uci.edu/dataset/562/shill+bidding+dataset",
    notes=(
        "The labels come from clustering these very features: Successive_Outbidding alone reaches AUROC .992. The "
        "table shows that a run works, not that a model is good.",
        "Record_ID, Auction_ID and Bidder_ID are left out.",
        "The bytes are the fullest of three public copies, with ten decimals; they are not proven to be UCI's.",
    ),
    files={"Shill_Bidding_Dataset.csv": "4af5d5592e50732f791eb4f611934653b1d054d84a023253204dde3af2999621"},
    rows={"Shill_Bidding_Dataset.csv": 6_321},
    mirrors=("https://raw.githubusercontent.com/zeinrasyid/EDA/cd6edea434c5938d2b573312937a3539c62a4011",),
    folder="shill",
)
IDS = {"Record_ID": WHOLE_NUMBER, "Auction_ID": WHOLE_NUMBER, "Bidder_ID": CATEGORY}
FEATURES = tuple(
    """
    Bidder_Tendency Bidding_Ratio Successive_Outbidding Last_Bidding Auction_Bids Starting_Price_Average Early_Bidding
    Winning_Ratio Auction_Duration
    """.split()
)
TYPES = IDS | dict.fromkeys(FEATURES, NUMBER) | {"Class": WHOLE_NUMBER}


def load(folder: str | None = None, drop: list[str] | None = None) -> Table:
    """All rows; the protocol chooses the test rows.

    folder: contains `shill/Shill_Bidding_Dataset.csv.gz`; by default the bundled one. drop: columns to leave out.
    Raises DataError if the file is missing, altered or malformed.
    """
    root = (Path(folder) if folder else data_folder()) / INFO.folder
    columns, _ = read_columns(root, INFO.files, INFO.rows, TYPES, header=True)
    for name in IDS:
        del columns[name]
    label = take_whole_numbers(columns, "Class").astype(np.int8)
    kind = CategoryColumn.renamed([NORMAL, "shill bidding"], label)
    return Table(
        name="shill",
        features=take_features(columns, drop),
        label=label,
        family=kind,
        attack=kind,
        is_test=np.zeros(len(label), dtype=bool),
        fingerprints=INFO.files,
    )
