"""What a run found, for a newcomer's eyes: one panel in the terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adbench.config.identity import data_name
from adbench.evaluation import over_time, shift
from adbench.evaluation.controls import NEAREST_ROWS, ORACLE, TITLES
from adbench.evaluation.metric_table import AGAINST_CONTROLS, METRICS, PANEL, PERCENT, Metric, shown_in
from adbench.results.record import Run, families
from adbench.text import printable


def result_panel(run: Run) -> RenderableType:
    """The panel of a finished run."""
    m, choices = run.metrics, run.config["choices"]
    parts: list[RenderableType] = [
        Text(_what(run)),
        Text(),
        _quality(run),
        Text(),
        _detection(m),
        Text(),
        _comparison(run),
        Text("\n".join((*_verdicts(run), *_changes(run)))),
        *(Text(f"warning: {printable(str(one))}", style="bold yellow") for one in _warnings(run)),
        Text(),
        Text(_where(run)),
    ]
    protocol = f", protocol {choices['protocol']}" if "protocol" in choices else ""
    title = Text(f"{choices['model']} on {data_name(run.config)}, seed {run.config['seed']}{protocol}", style="bold")
    return Panel(Group(*parts), title=title, title_align="left", expand=False, padding=(1, 2))


def _what(run: Run) -> str:
    m = run.metrics
    setters = f"{m['n_calibration']:,.0f} others" if _promises(m) else "the test scores themselves"
    if "fpr_bound" in m:
        setters = f"{m['n_calibration']:,.0f} of them, each scored without it"
    return (
        f"Trained on {m['n_fit']:,.0f} rows in {m['fit_seconds']:.1f} s; threshold set by"
        f" {setters};\ntested on {m['n_test']:,.0f} rows set aside for it,"
        f" {_percent(m['base_rate'])} of them anomalies."
    )


def _quality(run: Run) -> Table:
    m = run.metrics
    table = _grid("", "this run", "by chance")
    for name in shown_in(PANEL):
        metric, value = METRICS[name], _written(METRICS[name], m[name])
        if f"{name}_low" in m:
            low, high = (_written(metric, m[f"{name}_{side}"]) for side in ("low", "high"))
            value += f"  (95 % interval {low} to {high})"
        table.add_row(metric.in_full, value, _by_chance(metric, m))
        if name == "roc_auc" and "roc_auc_over_types_low" in m:
            low, high = (_written(metric, m[f"roc_auc_over_types_{side}"]) for side in ("low", "high"))
            table.add_row("", f"if other types of anomalies had come: {low} to {high}", "")
    if (distinct := m.get("n_distinct", m["n_test"])) < m["n_test"]:
        table.add_row("", f"(intervals over the {distinct:,.0f} distinct of {m['n_test']:,.0f} test rows)", "")
    table.add_row()
    promised = f"promised {_rate(m['target_fpr'])}" if _promises(m) else "nothing promised"
    if "fpr_bound" in m:  # CV+ mostly comes near its target, and guarantees less
        promised = f"aimed at {_rate(m['target_fpr'])}, promised {_rate(m['fpr_bound'])} at most"
    achieved = f"{promised}, achieved {_rate(m['test_fpr'])} of normal rows"
    table.add_row("false alarms at the threshold", achieved, "")
    if (asked := run.config.get("target_fpr", 1.0)) < m["target_fpr"] and (_promises(m) or "fpr_bound" in m):
        table.add_row("", f"(so few calibration rows cannot promise {_rate(asked)}, the default)", "")
    if "test_fpr_low" in m:
        table.add_row("", _interval_of_rate(m), "")
    found = f"{_percent(m['recall'])} of anomalies, precision {m['precision']:.3f}, F1 {m['f1']:.3f}"
    table.add_row("detected at the threshold", found, "")
    return table


def _written(metric: Metric, value: float) -> str:
    return _percent(value) if metric.form == PERCENT else f"{value:{metric.form}}"


def _by_chance(metric: Metric, m: dict[str, float]) -> str:
    if isinstance(metric.by_chance, str):
        return f"{m[metric.by_chance]:.4f}, the {METRICS[metric.by_chance].heading}" if metric.by_chance else ""
    return f"{100 * metric.by_chance:g} %" if metric.form == PERCENT else f"{metric.by_chance:g}"


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
    if not m.get("novel/n"):  # where there is no other, to be of the training file says nothing
        del rows["attack types of the training file"]
    for title, prefix in rows.items():
        if m.get(f"{prefix}/n") and f"{prefix}/recall" in m and f"{prefix}/roc_auc" in m:
            n, recall, auroc = (m[f"{prefix}/{metric}"] for metric in ("n", "recall", "roc_auc"))
            table.add_row(title, f"{n:,.0f}", _percent(recall), f"{auroc:.4f}")
    return table


def _comparison(run: Run) -> Table:
    m, model = run.metrics, run.config["choices"]["model"]
    metrics = shown_in(AGAINST_CONTROLS)
    table = _grid("against controls", *(METRICS[name].in_short for name in metrics))
    rows = {f"{model}, trained": ""} | {title: f"control/{name}/" for name, title in TITLES.items()}
    limit = run.config.get("controls", {}).get("nearest_rows")
    for title, prefix in rows.items():
        if prefix == "control/nearest_neighbour/" and isinstance(limit, int) and limit < m["n_fit"]:
            title = f"{title}, among {limit:,} rows" + (" (weakened)" if limit < NEAREST_ROWS else "")
        if {f"{prefix}{name}" for name in metrics} <= m.keys():
            table.add_row(title, *(_written(METRICS[name], m[f"{prefix}{name}"]) for name in metrics))
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
    usable = {name: title for name, title in TITLES.items() if name != ORACLE}
    best = max(usable, key=lambda name: m.get(f"control/{name}/roc_auc", 0.0))
    lead = m.get(f"control/{best}/lead", m["roc_auc"] - m.get(f"control/{best}/roc_auc", 0.0))
    low, high = (m.get(f"control/{best}/lead_{side}", lead) for side in ("low", "high"))
    by = f"({lead:+.4f} AUROC, 95 % interval {low:+.4f} to {high:+.4f})" if low < high else f"({lead:+.4f} AUROC)"
    if high < 0:
        yield f"the control {usable[best]} ranks better {by}: on this data {model} is not needed for the ranking"
    elif low <= 0:
        yield (f"the control {usable[best]} may rank as well {by}: that {model} is needed for the ranking is not shown")
    if ORACLE in run.environment:
        yield f"the best single column, picked with the test labels, is {printable(str(run.environment[ORACLE]))}"


def _changes(run: Run) -> Iterator[str]:
    """Whether the normals moved, and how it went over time; nothing of a run in which that was not asked."""
    said = shift.in_words(run.metrics), over_time.in_words(run.metrics, bool(run.environment.get(over_time.IS_DATE)))
    yield from (sentence for sentence in said if sentence is not None)


def _warnings(run: Run) -> list[object]:
    """What makes the table easier than a detector is good; of a run from before that was recorded, nothing."""
    warnings = run.environment.get("warnings")
    return warnings if isinstance(warnings, list) else []


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
