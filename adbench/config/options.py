"""Options of the configuration groups: built-in ones, and those of active plugins."""

from pathlib import Path

from adbench.config.keys import TARGET
from adbench.config.paths import config_folder
from adbench.config.plugins import active, provider, read_yaml

# What a configuration is composed from: the file under configs/ of this name.
TRAIN, SWEEP = "train", "sweep"
REQUIRED = {
    TRAIN: ("data", "protocol", "preprocess", "model", "threshold", "trainer"),
    SWEEP: ("executor", "sampler"),
}
_OF_SWEEP = (*REQUIRED[SWEEP], "benchmark")  # benchmark: lists of overrides, see adbench.config.benchmarks


def groups(primary: str = TRAIN) -> dict[str, list[str]]:
    """Configuration group -> its options, as the files under configs/ and those of plugins give them."""
    found: dict[str, list[str]] = {}
    for folder in sorted(path for path in config_folder().iterdir() if path.is_dir()):
        options = sorted(path.stem for path in folder.glob("*.yaml"))
        if options and (folder.name in _OF_SWEEP) == (primary == SWEEP):
            found[folder.name] = options
    for plugin in active():
        for group, options in plugin.options().items():
            if group in found:
                found[group] = sorted({*found[group], *options})
    return found


def option_file(group: str, option: str) -> Path:
    """The YAML file of an option, existing or not."""
    plugin = provider(group, option)
    return plugin.file(group, option) if plugin else config_folder() / group / f"{option}.yaml"


def target_of(group: str, option: str) -> str:
    """The dotted path of an option's class or function. Raises ConfigError for a file that names none."""
    plugin = provider(group, option)
    return plugin.target(group, option) if plugin else str(read_yaml(option_file(group, option)).get(TARGET))
