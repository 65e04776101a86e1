"""Capabilities of models, derived from their classes, so that no test lists models by name."""

from typing import Any

from adbench.config.compose import compose
from adbench.config.instantiate import locate
from adbench.config.options import groups
from adbench.models.neural import NeuralDetector
from adbench.training.module import TrainableModule

NEURAL, CLASSICAL = "neural", "classical"  # trained by gradient descent, or not
ONE_LOSS, SEVERAL_LOSSES = "one_loss", "several_losses"
STACKABLE = "stackable"  # several can be trained as one stacked network
RESUMABLE = "resumable"  # resumes from a checkpoint bit for bit
CONTRIBUTES, UPDATES, CALIBRATES, KEEPS_OBJECTS = "contributes", "updates", "calibrates", "keeps_objects"
WINDOWS, CODES, LABELS = "windows", "codes", "labels"  # inputs beyond plain numeric rows

# Attributes that each capability requires, all of them; see `adbench.models.base`.
_METHODS = {
    CONTRIBUTES: ("contributions",),
    UPDATES: ("update",),
    CALIBRATES: ("calibrate",),
    KEEPS_OBJECTS: ("objects", "restore_objects", "trusted"),
}
_TAKES = {WINDOWS: "takes_windows", CODES: "takes_codes", LABELS: "takes_labels"}


def capabilities_of(detector: type) -> frozenset[str]:
    """The capabilities of a class. Raises TypeError for a class with only part of a capability's attributes."""
    found = set()
    for capability, names in _METHODS.items():
        missing = [name for name in names if getattr(detector, name, None) is None]
        if missing and len(missing) < len(names):
            raise TypeError(f"expected {detector.__name__} to have {' and '.join(names)}, got no {', '.join(missing)}")
        found |= set() if missing else {capability}
    found |= {name for name, flag in _TAKES.items() if getattr(detector, flag, False)}
    if not issubclass(detector, TrainableModule):
        return frozenset(found | {CLASSICAL})
    several = getattr(detector, "objectives", None) is not NeuralDetector.objectives
    found |= {NEURAL, RESUMABLE, SEVERAL_LOSSES if several else ONE_LOSS}
    return frozenset(found | {STACKABLE} if detector.stackable else found)


def class_of(model: str) -> Any:
    """The class of a `model` option."""
    return locate(compose([f"model={model}"])["model"], "model")


def models_that(*capabilities: str) -> list[str]:
    """The names of the models that have all of these capabilities; without any, of all models."""
    return [model for model in sorted(groups()["model"]) if capabilities_of(class_of(model)) >= set(capabilities)]


def example_of(*capabilities: str) -> str:
    """One model with these capabilities, for tests that are too slow for all."""
    return models_that(*capabilities)[0]
