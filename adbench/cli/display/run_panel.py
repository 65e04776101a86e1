"""What a run found, for a newcomer's eyes: one panel in the terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adbench.evaluation.controls import ORACLE
from adbench.evaluation.evaluate import UNTRAINED
from adbench.results.record import Run, families
from adbench.text import printable

CONTROLS = {
    UNTRAINED: "same network, untrained",
    "nearest_neighbour": "nearest neighbour",
    "pca_residual": "PCA residual",
    "mean_abs_z": "mean |z|",
    "seen_in_training": "seen in training or not",
    "random": "random",
    ORACLE: "best column, by test labels",
}


def result_panel(run: Run) -> RenderableType:
    """The panel of a finished run."""
    m, choices = run.metrics, run.config["choices"]
    parts: list[RenderableType] = [
        Text(_what(run)),
        Text(),
        _quality(m),
        Text(),
        _detection(m),
        Text(),
        _comparison(m, choices["model"]),
        Text("\n".join(_verdicts(run))),
        Text(),
        Text(_where(run)),
    ]
    title = Text(f"{choices['model']} on {choices['data']}, seed {run.config['seed']}", style="bold")
    return Panel(Group(*parts), title=title, title_align="left", expand=False, padding=(1, 2))


def _what(run: Run) -> str:
    m = run.metrics
    setters = f"{m['n_calibration']:,.0f} others" if _promises(m) else "the test scores themselves"
    return (
        f"Trained on {m['n_fit']:,.0f} rows in {m['fit_seconds']:.1f} s; threshold set by"
        f" {setters};\ntested on {m['n_test']:,.0f} rows set aside for it,"
        f" {_percent(m['base_rate'])} of them anomalies."
    )


def _quality(m: dict[str, float]) -> Table:
    table = _grid("", "this run", "by chance")
    interval = f"{m['roc_auc']:.4f}  (95 % interval {m['roc_auc_low']:.4f} to {m['roc_auc_high']:.4f})"
    table.add_row("AUROC", interval, "0.5")
    table.add_row("average precision", f"{m['average_precision']:.4f}", f"{m['base_rate']:.4f}, the base rate")
    table.add_row("detected at 1 % false alarms", _percent(m["tpr_at_1pct_fpr"]), "1 %")
    table.add_row("detected at 0.1 % false alarms", _percent(m["tpr_at_0p1pct_fpr"]), "0.1 %")
    table.add_row()
    promised = f"promised {_rate(m['target_fpr'])}" if _promises(m) else "nothing promised"
    achieved = f"{promised}, achieved {_rate(m['test_fpr'])} of normal rows"
    table.add_row("false alarms at the threshold", achieved, "")
    if "test_fpr_low" in m:
        table.add_row("", _interval_of_rate(m), "")
    found = f"{_percent(m['recall'])} of anomalies, precision {m['precision']:.3f}, F1 {m['f1']:.3f}"
    table.add_row("detected at the threshold", found, "")
    return table


def _interval_of_rate(m: dict[str, float]) -> str:
    low, high = m["test_fpr_low"], m["test_fpr_high"]
    interval = f"95 % interval {_rate(low).removesuffix(' %')} to {_rate(high)}"
    if not _promises(m):
        return f"({interval})"
    return f"({interval}, the promise {'inside' if low <= m['target_fpr'] <= high else 'outside'})"


def _promises(m: dict[str, float]) -> bool:
    return bool(m.get("promises_fpr", True))


def _detection(m: dict[str, float]) -> Table:
    table = _grid("at the threshold", "test rows", "detected", "AUROC")
    rows = {name: f"family/{name}" for name in families(m)} | {
        "attack types of the training file": "known",
        "attack types never seen": "novel",
    }
    for title, prefix in rows.items():
        if m.get(f"{prefix}/n") and f"{prefix}/recall" in m and f"{prefix}/roc_auc" in m:
            n, recall, auroc = (m[f"{prefix}/{metric}"] for metric in ("n", "recall", "roc_auc"))
            table.add_row(title, f"{n:,.0f}", _percent(recall), f"{auroc:.4f}")
    return table


def _comparison(m: dict[str, float], model: str) -> Table:
    table = _grid("against controls", "AUROC", "average precision", "detected at 1 %")
    rows = {f"{model}, trained": ""} | {title: f"control/{name}/" for name, title in CONTROLS.items()}
    for title, prefix in rows.items():
        if not {f"{prefix}{metric}" for metric in ("roc_auc", "average_precision", "tpr_at_1pct_fpr")} <= m.keys():
            continue
        auroc, precision = m[f"{prefix}roc_auc"], m[f"{prefix}average_precision"]
        table.add_row(title, f"{auroc:.4f}", f"{precision:.4f}", _percent(m[f"{prefix}tpr_at_1pct_fpr"]))
    return table


def _verdicts(run: Run) -> Iterator[str]:
    m, model = run.metrics, run.config["choices"]["model"]
    if run.config.get("trainer", {}).get("limit_batches"):
        yield "a debug run on a few batches an epoch: its numbers mean nothing"
    elif {"training_gain", "training_gain_low", "training_gain_high"} <= m.keys():
        low, high = m["training_gain_low"], m["training_gain_high"]
        verdict = "training helped" if low > 0 else "training hurt" if high < 0 else "no proof that training helped"
        yield f"training gain {m['training_gain']:+.4f} AUROC (95 % interval {low:+.4f} to {high:+.4f}): {verdict}"
    # What was picked with the test labels shows what the table gives away; nobody can use it instead of a model.
    usable = {name: title for name, title in CONTROLS.items() if name != ORACLE}
    aurocs = {title: m.get(f"control/{name}/roc_auc", 0.0) for name, title in usable.items()}
    best = max(aurocs, key=lambda title: aurocs[title])
    if aurocs[best] >= m["roc_auc"]:
        yield f"the control {best} ranks at least as well: on this data {model} is not needed for the ranking"
    if ORACLE in run.environment:
        yield f"the best single column, picked with the test labels, is {printable(str(run.environment[ORACLE]))}"


def _where(run: Run) -> str:
    end, commit = (printable(str(run.environment.get(key, "?"))) for key in ("end", "git_commit"))
    return f"run: {run.folder}\nfinished {end}, commit {commit}"


def _grid(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 or headings[0] == "" else "right", no_wrap=bool(headings[0]))
    return table


def _rate(share: float) -> str:
    """Two decimals of a percent, or two digits where those would show nothing."""
    return _percent(share, 2) if not 0 < share < 0.0005 else f"{100 * share:.2g} %"


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"
