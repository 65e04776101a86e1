"""One-class detection on shuffled rows, as in much of the literature."""

from dataclasses import replace

import numpy as np

from adbench.data.base import Table
from adbench.protocols.one_class import OneClass


class RandomSplit(OneClass):
    """`one_class` without a test file: all files are pooled, and a share of the normals tests.

    Training and test normals then come from the same days and hosts, often from the same burst: easier than the
    official test file, and less like a detector's use.
    """

    def relabel(self, table: Table) -> Table:
        return replace(table, is_test=np.zeros(len(table), dtype=bool))
