"""Groups of related datasets, which count as one: several tables of one source are not independent evidence.

Needs no composed configuration: data are identified by their names in tables.
"""

import importlib
from functools import cache
from types import ModuleType

from adbench.config.instantiate import locate
from adbench.config.keys import TARGET
from adbench.config.options import option_file, target_of
from adbench.data.base import DatasetInfo
from adbench.errors import ConfigError

VERSION = "@"  # see `results.versions.SIGN`: precedes the digits of the contents in the name of data


@cache
def group_of(data_name: str) -> str:
    """The group of data, given their name in tables: kddcup99 for nslkdd, whose rows are a selection of it.

    By default, a dataset is a group of its own, across all versions of its upstream files; so is each table of a
    collection, and each table of a user.
    """
    name, sign, version = data_name.partition(" ")[0].partition(VERSION)
    module, table = dataset_of(name)
    if module is None:
        return name + sign + version
    group = module.INFO.table_groups.get(table, "") if table else module.INFO.group
    return group or (name if module.INFO.files else name + sign + version)


@cache
def chosen_on(data_name: str) -> bool:
    """True if the labels of these data, given their name in tables, were used to choose the shipped defaults."""
    module, table = dataset_of(data_name.partition(" ")[0].partition(VERSION)[0])
    return module is not None and table in module.INFO.chosen_on


def dataset_of(name: str) -> tuple[ModuleType | None, str]:
    """The module of a dataset and the table within it, by its name in tables: adbench47 and cardio for
    adbench47-cardio. None for an unknown dataset, and for one of a plugin that cannot be imported."""
    option, _, table = name.partition("-")
    # A name in an untrusted run must not lead to another file.
    if not option.isidentifier() or not option_file("data", option).is_file():
        return None, ""
    try:
        return module_of(option), table
    except ConfigError:  # finished runs are shown all the same
        return None, ""


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
