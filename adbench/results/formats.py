"""Versions of the run folder's format, and the translation of earlier ones.

Format 1 (adbench 0.1.0) stored Python paths, `_target_: adbench.models.vae.VAE`, in config.yaml, model.json and
preprocess.json. Format 2 stores options, `model: vae`, and adds the calibration scores and the usual values of the fit
rows. The table below is frozen: moving a class or renaming its option does not change it.
"""

from typing import Any

from adbench.config.keys import OPTIONS, TARGET
from adbench.errors import RunFolderError

FORMAT = 2
KEY = "format"  # in config.yaml; missing in format 1

# Format 1: group -> its package, and the option of each target in it.
_PACKAGES = {
    "data": "adbench.data.",
    "protocol": "adbench.protocols.",
    "preprocess": "adbench.preprocess.",
    "model": "adbench.models.",
    "threshold": "adbench.evaluation.thresholds.",
    "trainer": "adbench.training.",
    "controls": "adbench.evaluation.controls.",
}
_OPTIONS = {
    "adbench.data.kddcup99.load": "kddcup99",
    "adbench.data.kddcup99_full.load": "kddcup99_full",
    "adbench.data.nslkdd.load": "nslkdd",
    "adbench.data.unswnb15.load": "unswnb15",
    "adbench.data.unswnb15_official.load": "unswnb15_official",
    "adbench.data.user_table.load": "table",
    "adbench.protocols.dagmm.DAGMM": "dagmm",
    "adbench.protocols.goad.GOAD": "goad",
    "adbench.protocols.labelled_validation.LabelledValidation": "labelled_validation",
    "adbench.protocols.leave_family_out.LeaveFamilyOut": "leave_family_out",
    "adbench.protocols.one_class.OneClass": "one_class",
    "adbench.protocols.random_split.RandomSplit": "random_split",
    "adbench.protocols.unsupervised.Unsupervised": "unsupervised",
    "adbench.preprocess.log_standard.LogStandard": "log_standard",
    "adbench.preprocess.minmax.MinMax": "minmax",
    "adbench.preprocess.quantile.Quantile": "quantile",
    "adbench.preprocess.standard.Standard": "standard",
    "adbench.models.ae.AE": "ae",
    "adbench.models.gan.GAN": "gan",
    "adbench.models.iforest.IForest": "iforest",
    "adbench.models.knn.KNN": "knn",
    "adbench.models.ocsvm.OCSVM": "ocsvm",
    "adbench.models.pca.PCA": "pca",
    "adbench.models.vae.VAE": "vae",
    "adbench.evaluation.thresholds.conformal.Conformal": "conformal",
    "adbench.evaluation.thresholds.evt.PeaksOverThreshold": "evt",
    "adbench.evaluation.thresholds.quantile.Quantile": "quantile",
    "adbench.evaluation.thresholds.top_fraction.TopFraction": "top_fraction",
}


def stored(config: dict[str, Any]) -> dict[str, Any]:
    """A composed configuration as stored in config.yaml: with its format, and without Python paths."""
    return {KEY: FORMAT} | {key: without_target(value) for key, value in config.items()}


def without_target(node: Any) -> Any:
    """A group's keys without Python paths, at any depth."""
    if not isinstance(node, dict):
        return node
    return {key: without_target(value) for key, value in node.items() if key != TARGET}


def format_of(document: dict[str, Any], where: Any) -> int:
    """The format of a stored configuration. Raises RunFolderError for an unknown one."""
    version = document.get(KEY, 1)
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise RunFolderError(
            f"expected a run of format {FORMAT} or lower in {where}, got format {version!r}; update adbench to read it"
        )
    return version


def as_today(document: dict[str, Any], where: Any) -> dict[str, Any]:
    """A stored configuration of any format, converted to the current one: options in `choices`, no Python paths.

    Raises RunFolderError as `format_of` does, and for a path outside the group's package.
    """
    version = format_of(document, where)
    found = {key: without_target(value) for key, value in document.items() if key != KEY}
    for group, node in document.items():
        if isinstance(node, dict) and TARGET in node:
            option = option_of(group, node[TARGET], found["choices"].get(group), version, where)
            if group in OPTIONS:
                found["choices"] = found["choices"] | {group: option}
    return found


def option_of(group: str, target: Any, chosen: str | None, version: int, where: Any) -> str | None:
    """The option of a stored `_target_` of this group; `chosen` for a user's own module in its package."""
    package = _PACKAGES.get(group)
    if version > 1 or package is None or not isinstance(target, str) or not target.startswith(package):
        expected = f"to name something in {package}" if version == 1 and package else "to be left out"
        raise RunFolderError(
            f"expected {group}.{TARGET} in {where} {expected}, got {target!r}; nothing else is run from a run folder"
        )
    return _OPTIONS.get(target, chosen)


def part_of(
    document: dict[str, Any], group: str, chosen: str, where: Any
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The option, its arguments and the further entries in a model.json or preprocess.json of any format.

    chosen: the option named in config.yaml. Raises RunFolderError as `as_today` does.
    """
    if "arguments" in document:
        return document[group], document["arguments"], document
    option = option_of(group, document.get(TARGET), chosen, 1, where)
    added = ("n_features", "fitted")
    return option or chosen, {k: v for k, v in document.items() if k not in (TARGET, *added)}, document
