"""Which data count as one where results are counted: several tables of one source are no independent evidence.

Needs no composition of a configuration: the names are those that tables print.
"""

import importlib
from functools import cache
from types import ModuleType

from adbench.config.instantiate import locate
from adbench.config.keys import TARGET
from adbench.config.options import option_file, target_of
from adbench.data.base import DatasetInfo
from adbench.errors import ConfigError

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
    # A name in a stranger's run must not lead to another file.
    if not option.isidentifier() or not option_file("data", option).is_file():
        return None, ""
    return module_of(option), table


def module_of(option: str) -> ModuleType:
    """The module of an option of the group data, with its INFO. Raises ConfigError where that is missing."""
    target = target_of("data", option)
    locate({TARGET: target}, "data")  # which says why a plugin's module cannot be imported
    module = importlib.import_module(target.rpartition(".")[0])
    if not isinstance(getattr(module, "INFO", None), DatasetInfo):
        raise ConfigError(
            f"expected {module.__name__} to describe data={option}, got no INFO; write INFO = DatasetInfo(...)"
        )
    return module
