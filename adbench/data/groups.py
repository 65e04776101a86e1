"""Which data count as one where results are counted: several tables of one source are no independent evidence.

Needs no composition of a configuration: the names are those that tables print.
"""

import importlib
from functools import cache
from types import ModuleType

import yaml

from adbench.config.paths import config_folder

VERSION = "@"  # see `results.versions.SIGN`: what follows it in the name of data says which bytes they are


@cache
def group_of(data_name: str) -> str:
    """The group that data belong to, by their name in tables: kddcup99 for nslkdd, whose rows are among those.

    A dataset that says nothing else is a group of its own, in all versions of its upstream files; so is each table of a
    collection, and each table of a user's.
    """
    name, sign, version = data_name.partition(" ")[0].partition(VERSION)
    module, table = dataset_of(name)
    if module is None:
        return name + sign + version
    group = module.INFO.table_groups.get(table, "") if table else module.INFO.group
    return group or (name if module.INFO.files else name + sign + version)


@cache
def chosen_on(data_name: str) -> bool:
    """Whether labels of these data, by their name in tables, took part when the shipped defaults were chosen."""
    module, table = dataset_of(data_name.partition(" ")[0].partition(VERSION)[0])
    return module is not None and table in module.INFO.chosen_on


def dataset_of(name: str) -> tuple[ModuleType | None, str]:
    """The module of a dataset, by its name in tables, and which of its tables it is: adbench47 and cardio for
    adbench47-cardio. None where no dataset is called so.
    """
    option, _, table = name.partition("-")
    path = config_folder() / "data" / f"{option}.yaml"
    if not option.isidentifier() or not path.is_file():  # a name in a stranger's run must not lead to another file
        return None, ""
    target = yaml.safe_load(path.read_text(encoding="utf-8"))["_target_"]
    return importlib.import_module(target.rpartition(".")[0]), table
