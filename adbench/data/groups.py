"""Which data count as one where results are counted: several tables of one source are no independent evidence."""

import importlib
from functools import cache

import yaml

from adbench.config.paths import config_folder
from adbench.data.base import DatasetInfo

VERSION = "@"  # see `results.versions.SIGN`: what follows it in the name of data says which bytes they are


@cache
def group_of(data_name: str) -> str:
    """The group that data belong to, by their name in tables: kddcup99 for nslkdd, whose rows are among those.

    A dataset that says nothing else is a group of its own, in all versions of its upstream files; so is each table of a
    collection, and each table of a user's.
    """
    name, sign, version = data_name.partition(" ")[0].partition(VERSION)
    option, _, table = name.partition("-")
    info, group = _info(name), ""
    if info is not None:
        group = info.group
    elif (info := _info(option)) is not None:
        group = info.table_groups.get(table, "")
    return group or (name if info is not None and info.files else name + sign + version)


def _info(option: str) -> DatasetInfo | None:
    """Of a dataset, without the composition of a configuration."""
    path = config_folder() / "data" / f"{option}.yaml"
    if not option.isidentifier() or not path.is_file():  # a name in a stranger's run must not lead to another file
        return None
    target = yaml.safe_load(path.read_text(encoding="utf-8"))["_target_"]
    info: DatasetInfo = importlib.import_module(target.rpartition(".")[0]).INFO
    return info
