"""Sensitivity of each model to its settings, for users without labels to choose by: docs/results/sensitivity.md.

Every setting of a small grid around the defaults, on the training file of NSL-KDD (protocol=labelled_validation, with
its own attacks) and on development tables of ADBench with more than 20 columns, two seeds each. No test file takes
part, and nothing is chosen by it.

    python scripts/docs/sensitivity.py [MODEL ...] [--data NAME ...] [-o FILE]
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from adbench.analysis.summary import summarize_runs
from adbench.analysis.text_table import Sheet, as_markdown
from adbench.cli.display.sweep_progress import Lines
from adbench.config.catalogue import list_models
from adbench.config.compose import compose
from adbench.config.identity import data_name
from adbench.config.overrides import expand
from adbench.data.catalogue import not_on_disk
from adbench.results.formats import without_target
from adbench.results.record import Run
from adbench.sweeps.plan import Rules, plan
from adbench.sweeps.schedule import sweep

DOCUMENT = Path("docs/results/sensitivity.md")
SEEDS = 2
METRIC = "roc_auc"
DATA = {
    "nslkdd": ("protocol=labelled_validation", "protocol.max_anomalies=9000"),
    **dict.fromkeys((f"adbench47-{table}" for table in ("cardio", "fault", "Ionosphere", "letter", "Waveform")), ()),
}
# Settings that people change first, in grids around the defaults, which they include.
GRIDS = {
    "ae": ["model.hidden_sizes=[64,32],[256,128]", "model.latent_size=4,16", "model.error_scale=0.03,0.1,1.0"],
    "gan": ["model.latent_size=4,16", "model.contextual_weight=10.0,40.0", "model.reconstruction_share=0.3,0.5,0.9"],
    "iforest": ["model.n_trees=100,300", "model.sample_size=256,1024,4096"],
    "knn": ["model.k=1,5,20,50"],
    "ocsvm": ["model.nu=0.02,0.2,0.5", "model.bandwidth=0.125,0.25,1.0"],
    "pca": ["model.n_components=2,5,10,20"],
    "vae": ["model.latent_size=4,8,16", "model.beta=0.3,1.0", "model.min_scale=0.1,0.5"],
}
HEADINGS = ["data", "settings", "best", "median", "worst", "shipped", "the best", "the worst"]
INTRODUCTION = """# Sensitivity to settings

`make sensitivity`. AUROC of each model over a small grid of its settings, the mean of two seeds each: on the training
file of NSL-KDD, whose own attacks are found (`protocol=labelled_validation`), and on five development tables of
ADBench. The best setting was picked by the labels that it is judged by, and is what nobody reaches without them; who
has none and guesses does worse than the median in half of the cases. *Shipped* is the default, which was chosen on
these data among others: it is no fair draw from the grid. `adbench summarize` prints all but that for any sweep.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(GRIDS)}; default: all")
    parser.add_argument("--data", nargs="*", default=list(DATA), help="default: all")
    parser.add_argument("-o", dest="document", type=Path, default=DOCUMENT)
    parser.add_argument("--runs", default="runs/sensitivity", help="where the runs are kept")
    given = parser.parse_args()
    models = given.models or list(GRIDS)
    if unknown := [*set(models) - set(GRIDS), *set(given.data) - set(DATA)]:
        parser.error(f"expected models among {', '.join(GRIDS)} and data among {', '.join(DATA)}, got {unknown[0]}")
    for way, names in not_on_disk(given.data).items():
        sys.exit(f"expected the files of {', '.join(names)}, got none; {way.partition(',')[0]}")
    sections = [section(model, runs_of(model, given.data, given.runs)) for model in models]
    given.document.write_text(
        "\n".join([INTRODUCTION, overview(sections), *(s.text for s in sections)]) + "\n", "utf-8"
    )


@dataclass(frozen=True)
class Section:
    """A model's card. below: how far median, worst and default settings are below the best, per dataset."""

    model: str
    text: str
    below: list[tuple[float, float, float]]


def runs_of(model: str, data: Sequence[str], runs_dir: str) -> list[Run]:
    found: list[Run] = []
    for name in data:
        words = [f"model={model}", f"data={name}", *DATA[name], *GRIDS[model], f"seed=range({SEEDS})"]
        words += ["controls.nearest_rows=500", f"runs_dir={runs_dir}"]
        found += sweep(plan(words), Rules(), Lines(sys.stderr))
    for run in found:
        if run.status != "done":
            sys.exit(f"{run.folder}: {run.error}")
    return found


def section(model: str, runs: Sequence[Run]) -> Section:
    shipped = without_target(compose([f"model={model}"])["model"])
    rows, below = [], []
    for row in summarize_runs(runs, metrics=[METRIC]).sensitivity.to_dict("records"):
        name = row["task"].partition(" ")[0]
        of_shipped = [
            run for run in runs if data_name(run.config) == name and without_target(run.config["model"]) == shipped
        ]
        default = mean(run.metrics[METRIC] for run in of_shipped)
        best, median, worst = (row[which] for which in ("best", "median", "worst"))
        settings = [row[f"{which}_settings"].replace("model.", "") for which in ("best", "worst")]
        numbers = [f"{value:.4f}" for value in (best, median, worst, default)]
        rows.append([name, str(row["n_settings"]), *numbers, *settings])
        below.append((best - median, best - worst, best - default))
    what = next(entry["description"] for entry in list_models() if entry["name"] == model)
    n = len(expand(GRIDS[model]))
    grid = ", ".join(f"`{text.removeprefix('model.')}`" for text in GRIDS[model])
    text = f"## {model}\n\n{what} {n} settings: {grid}.\n\n{as_markdown([Sheet('by data', HEADINGS, 1, rows)])}\n"
    return Section(model, text, below)


def overview(sections: Sequence[Section]) -> str:
    """Table of models by the cost of a guess."""
    rows = []
    for one in sorted(sections, key=lambda section: mean(cost for cost, _, _ in section.below)):
        means = [mean(values) for values in zip(*one.below, strict=True)]
        rows.append([one.model, *(f"{value:.4f}" for value in means), f"{max(worst for _, worst, _ in one.below):.4f}"])
    headings = ["model", "median below best", "worst below best", "shipped below best", "worst on any table"]
    return as_markdown([Sheet("means over the data", headings, 1, rows)]) + "\n"


if __name__ == "__main__":
    main()
