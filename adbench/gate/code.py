"""Checks of the code that made the runs: the gate judges the current code, and a baseline belongs to one code."""

from collections.abc import Sequence

from adbench.config.identity import data_name
from adbench.errors import BaselineError, RunFolderError
from adbench.results.code import SOLVER, TASK, CodesAtHand, difference, labels
from adbench.results.record import DONE, Run


def require_code_at_hand(runs: Sequence[Run]) -> None:
    """Raise RunFolderError for finished runs that were not made by the current code."""
    at_hand = CodesAtHand()
    found = [(run, why) for run in runs if run.status == DONE and (why := difference(run, at_hand(run.config)))]
    if found:
        (run, why), more = found[0], f", and {len(found) - 1:,} more" if len(found) > 1 else ""
        raise RunFolderError(
            f"expected runs by the code at hand, since the gate is about that, got {run.folder}, which was {why}{more};"
            " sweep again, which replaces such runs, or take away with adbench runs rm what no sweep makes any more"
        )


def require_one_code(runs: Sequence[Run]) -> None:
    """Raise BaselineError if runs of one data and model, or the shared subpackages, come from different code."""
    done = [run for run in runs if run.status == DONE]
    names = [data_name(run.config) for run in done]
    models = [f"{run.config['choices'].get('model')} on {name}" for run, name in zip(done, names, strict=True)]
    for named, part in ((names, TASK), (models, SOLVER)):
        found: dict[str, dict[str, Run]] = {}
        for name, label, run in zip(named, labels(named, done, part), done, strict=True):
            if label:
                found.setdefault(name, {}).setdefault(label, run)
        for name, by_label in found.items():
            first, second = [run.folder for run in by_label.values()][:2]
            raise BaselineError(
                f"expected runs of {name} by one code for a baseline, got {first} and {second}, which different code"
                " made; sweep again, which replaces what is not of the code at hand"
            )
