"""One-class detection on rows that were shuffled first, as much of the literature does it."""

from dataclasses import replace

import numpy as np

from adbench.data.base import Table
from adbench.protocols.one_class import OneClass


class RandomSplit(OneClass):
    """As `one_class` on a dataset without a test file: all files are pooled, and a share of the normals tests.

    Training and test normals then come from the same days and hosts, often from the same burst: easier than the
    official test file, and further from what a detector meets in use.
    """

    def relabel(self, table: Table) -> Table:
        return replace(table, is_test=np.zeros(len(table), dtype=bool))
