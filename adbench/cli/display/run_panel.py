"""The result panel of a run in the terminal, readable without prior knowledge."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adbench.config.alarm_rate import Use
from adbench.config.identity import data_name
from adbench.evaluation import over_time, shift
from adbench.evaluation.controls import NEAREST_ROWS, ORACLE, TITLES
from adbench.evaluation.in_use import in_use, sentence
from adbench.evaluation.metric_table import AGAINST_CONTROLS, METRICS, PANEL, PERCENT, Metric, shown_in
from adbench.evaluation.promise import exceeded, judges_rows_together, promises, reason
from adbench.results.record import Run, families
from adbench.stats.interval import Interval
from adbench.text import printable, three_digits

_FEW_COPIES = 0.99  # share of distinct test rows above which copies are not mentioned


def result_panel(run: Run, use: Use | None = None) -> RenderableType:
    """The panel of a finished run. use: the conditions of use to show the alarms for, if any."""
    m, choices = run.metrics, run.config["choices"]
    parts: list[RenderableType] = [
        Text(_what(run)),
        Text(),
        _quality(run, use),
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
    setters = f"{m['n_calibration']:,.0f} others" if promises(m) else "the test scores themselves"
    if "fdr_level" in m:
        setters = f"the test scores beside those of {m['n_calibration']:,.0f} others"
    if "fpr_bound" in m:
        setters = f"{m['n_calibration']:,.0f} of them, each scored without it"
    return (
        f"Trained on {m['n_fit']:,.0f} rows in {m['fit_seconds']:.1f} s; threshold set by"
        f" {setters};\ntested on {m['n_test']:,.0f} rows set aside for it,"
        f" {_percent(m['base_rate'])} of them anomalies."
    )


def _quality(run: Run, use: Use | None = None) -> Table:
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
    if (distinct := m.get("n_distinct", m["n_test"])) < _FEW_COPIES * m["n_test"]:
        table.add_row("", f"(intervals over the {distinct:,.0f} distinct of {m['n_test']:,.0f} test rows)", "")
    table.add_row()
    at_threshold = [*_false_alarms(run), *_detected(m), *(_in_use(m, use) if use is not None else ())]
    for title, words in at_threshold:
        table.add_row(title, words, "")
    return table


def _false_alarms(run: Run) -> Iterator[tuple[str, str]]:
    """The promised and the achieved false alarms."""
    m = run.metrics
    promised = f"promised {_rate(m['target_fpr'])}" if promises(m) else "nothing promised"
    if (sure := m.get("promise_confidence")) is not None:
        promised += f" at most, with {100 * sure:g} % confidence"
    if "fpr_bound" in m:  # CV+ usually comes near its target but guarantees less
        promised = f"aimed at {_rate(m['target_fpr'])}, promised {_rate(m['fpr_bound'])} at most"
    yield "false alarms at the threshold", f"{promised}, achieved {_rate(m['test_fpr'])} of normal rows"
    if (asked := run.config.get("target_fpr", 1.0)) < m["target_fpr"] and (promises(m) or "fpr_bound" in m):
        yield "", f"(so few calibration rows cannot promise {_rate(asked)}, the default)"
    if "expected_fpr" in m:
        yield "", f"(for that confidence it is set for {_rate(m['expected_fpr'])} on average)"
    if "test_fpr_low" in m:
        yield "", _interval_of_rate(m)
    for verdict in _whether_kept(m):
        yield "", verdict
    if {"fdr_level", "n_reported", "test_fdp"} <= m.keys():
        yield "false discoveries", _discoveries(m)


def _detected(m: dict[str, float]) -> Iterator[tuple[str, str]]:
    found = f"{_percent(m['recall'])} of anomalies, precision {m['precision']:.3f}, F1 {m['f1']:.3f}"
    yield "detected at the threshold", found
    yield "", f"(precision holds where {_percent(m['base_rate'])} are anomalies; base_rate= asks for elsewhere)"


def _discoveries(m: dict[str, float]) -> str:
    promised = f"promised {_percent(m['fdr_level'])} of the reported rows on average"
    if not m["n_reported"]:
        return f"{promised}; no row is reported"
    return f"{promised}, achieved {_percent(m['test_fdp'])} of {m['n_reported']:,.0f}"


def _in_use(m: dict[str, float], use: Use) -> Iterator[tuple[str, str]]:
    title = f"at {use.words}"
    found = in_use([m], use)
    if found is None:
        yield title, "not known: it depends on how many anomalies are tested; see threshold=conformal"
        return
    yield title, sentence(found)
    if found.false_alarms is not None and found.found is not None and use.rows_per_day is not None:
        value, low, high = _digits(found.false_alarms)
        yield f"a day of {three_digits(use.rows_per_day)} normal rows", f"{value} false alarms ({low} to {high})"
        value, low, high = _digits(found.found)
        yield "", f"{value} of {three_digits(found.anomalies or 0)} anomalies found ({low} to {high})"


def _digits(interval: Interval) -> list[str]:
    return [three_digits(value) for value in (interval.value, interval.low, interval.high)]


def _written(metric: Metric, value: float) -> str:
    return _percent(value) if metric.form == PERCENT else f"{value:{metric.form}}"


def _by_chance(metric: Metric, m: dict[str, float]) -> str:
    if isinstance(metric.by_chance, str):
        return f"{m[metric.by_chance]:.4f}, the {METRICS[metric.by_chance].heading}" if metric.by_chance else ""
    return f"{100 * metric.by_chance:g} %" if metric.form == PERCENT else f"{metric.by_chance:g}"


def _interval_of_rate(m: dict[str, float]) -> str:
    low, high = m["test_fpr_low"], m["test_fpr_high"]
    of = "" if judges_rows_together(m) else " of this threshold's rate"
    return f"(95 % interval{of} {_rate(low).removesuffix(' %')} to {_rate(high)})"


def _whether_kept(m: dict[str, float]) -> Iterator[str]:
    """A sentence on whether the promise was kept; nothing for a run from before promises were judged."""
    too_many = exceeded([m])
    if too_many is None or not promises(m):
        return
    p = m["promise_p"]
    if too_many:
        yield f"the promise is exceeded, p {f'= {p:.2g}' if p >= 1e-4 else '< 0.0001'}:"
        yield reason(m)
    elif m["test_fpr"] <= m["target_fpr"]:
        yield "the promise is kept"
    else:
        yield f"the promise is kept: chance brings so many or more in {_percent(p)} of draws"


def _detection(m: dict[str, float]) -> Table:
    table = _grid("at the threshold", "test rows", "detected", "AUROC")
    rows = {name: f"family/{name}" for name in families(m)} | {
        "attack types of the training file": "known",
        "attack types never seen": "novel",
    }
    if not m.get("novel/n"):  # without novel types, the known ones are all of them
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
    if m.get("n_distinct_scores") == 1:
        yield f"all test scores are equal: {model} ranks nothing"
    if run.config.get("trainer", {}).get("limit_batches"):
        yield "a debug run on a few batches an epoch: its numbers mean nothing"
    elif {"training_gain", "training_gain_low", "training_gain_high"} <= m.keys():
        low, high = m["training_gain_low"], m["training_gain_high"]
        verdict = "training helped" if low > 0 else "training hurt" if high < 0 else "no proof that training helped"
        yield f"training gain {m['training_gain']:+.4f} AUROC (95 % interval {low:+.4f} to {high:+.4f}): {verdict}"
    # Controls picked with the test labels show leakage; nobody can use them instead of a model.
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
    """Sentences on whether the normals moved and how results changed over time, if the run measured them."""
    said = shift.in_words(run.metrics), over_time.in_words(run.metrics, bool(run.environment.get(over_time.IS_DATE)))
    yield from (sentence for sentence in said if sentence is not None)


def _warnings(run: Run) -> list[object]:
    """Warnings about what makes this table easy; none for a run from before they were recorded."""
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
    """Two decimals of a percentage, or two significant digits if those would show nothing."""
    return _percent(share, 2) if not 0 < share < 0.0005 else f"{100 * share:.2g} %"


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"
