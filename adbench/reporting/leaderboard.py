"""The table that sorts and filters: one row a configuration."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from adbench.reporting.content import Configuration
from adbench.reporting.html import cell, number, percent, plural, text

_Column = tuple[str, str, Callable[[Configuration], str]]  # heading, what it means, cell
CONTROLS = {
    "nearest_neighbour": "nearest neighbour",
    "pca_residual": "PCA residual",
    "mean_abs_z": "mean |z|",
    "seen_in_training": "seen in training",
    "random": "random",
}


def leaderboard(configurations: Iterable[Configuration]) -> str:
    """With its filters; it stays a readable table without JavaScript."""
    configurations = list(configurations)
    tasks = sorted({c.task for c in configurations})
    options = "".join(f'<option value="{text(task)}">{text(task, 60)}</option>' for task in tasks)
    head = "".join(_heading(heading, meaning) for heading, meaning, _ in _COLUMNS)
    rows = "".join(
        f'<tr data-task="{text(c.task)}">{"".join(make(c) for _, _, make in _COLUMNS)}</tr>' for c in configurations
    )
    return (
        '<div class="controls"><label>Filter <input id="filter" type="search" placeholder="model, setting, data …"'
        f' autocomplete="off"></label> <label>Data <select id="task"><option value="">all</option>{options}</select>'
        '</label> <span id="count" role="status"></span></div>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Leaderboard"><table id="leaderboard">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _heading(heading: str, meaning: str) -> str:
    kind = "" if heading in _WORDS else ' class="n"'
    return f'<th scope="col"{kind} title="{text(meaning)}"><button type="button">{text(heading)}</button></th>'


def _task(c: Configuration) -> str:
    return cell(text(c.data, 40), small=_settings(c.task.removeprefix(c.data)))


def _model(c: Configuration) -> str:
    return cell(f"<b>{text(c.model, 40)}</b>", small=_settings(c.solver.removeprefix(c.model)))


def _settings(words: str) -> str:
    return text(words.strip(), 160).replace("=", "=<wbr>")  # where a line may break; no escape holds the sign


def _rank(c: Configuration) -> str:
    rank = c.group.get("rank")
    known = float(rank) if isinstance(rank, int | float) else math.nan
    return cell(number(known, 0), known)


def _runs(c: Configuration) -> str:
    failed, missing = int(c.group.get("failed", 0)), int(c.group.get("missing", 0))
    words = [f"{failed:,} failed"] * (failed > 0) + [f"{missing:,} missing"] * (missing > 0)
    n = len(c.runs)
    return cell(f"{n:,}", n, badge=("bad", ", ".join(words)) if words else None)


def _auroc(c: Configuration) -> str:
    return cell(number(c.mean("roc_auc")), c.mean("roc_auc"), small=_interval(c.group, "roc_auc"))


def _interval(group: dict[str, Any], metric: str, digits: int = 4) -> str:
    low, high = number(group.get(f"{metric}_low"), digits), number(group.get(f"{metric}_high"), digits)
    return f"{low} to {high}" if low and high else ""


def _precision(c: Configuration) -> str:
    base = number(c.mean("base_rate"), 3)
    return cell(number(c.mean("average_precision")), c.mean("average_precision"), small=f"base {base}" if base else "")


def _detected(c: Configuration) -> str:
    return cell(percent(c.mean("tpr_at_1pct_fpr")), c.mean("tpr_at_1pct_fpr"))


def _alarms(c: Configuration) -> str:
    achieved, promised = c.mean("test_fpr"), c.mean("target_fpr")
    if not all(run.metrics.get("promises_fpr", True) for run in c.runs):
        return cell(percent(achieved), achieved, small="nothing promised")
    low, high = (c.group.get(f"test_fpr_{side}", math.nan) for side in ("low", "high"))
    if len(c.runs) == 1:
        low, high = c.mean("test_fpr_low"), c.mean("test_fpr_high")
    badge = ("bad", "▲ above") if low > promised else ("mild", "▼ below") if high < promised else None
    return cell(percent(achieved), achieved, small=f"of {percent(promised)}" if percent(promised) else "", badge=badge)


def _gain(c: Configuration) -> str:
    gain, verdict = c.mean("training_gain"), str(c.group.get("training_helped", ""))
    badges = {"unclear": ("bad", "touches 0"), "no": ("bad", "hurt")}
    value = f"{gain:+.4f}" if not math.isnan(gain) else ""
    return cell(value, gain, small=_interval(c.group, "training_gain", 3), badge=badges.get(verdict) if value else None)


def _control(c: Configuration) -> str:
    name, over = c.group.get("control"), c.group.get("over_control", math.nan)
    if not isinstance(name, str) or not isinstance(over, float) or math.isnan(over):
        return cell("", math.nan)
    low, high = (c.group.get(f"over_control_{side}", math.nan) for side in ("low", "high"))
    # One run alone has no interval: only its sign is known.
    better, worse = (over < 0, over > 0) if math.isnan(low) else (high < 0, low > 0)
    badge = ("bad", "better") if better else None if worse else ("mild", "no proof")
    return cell(text(CONTROLS.get(name, name), 40), over, small=f"model {over:+.4f}", badge=badge, kind="w")


def _seconds(c: Configuration) -> str:
    seconds = c.mean("fit_seconds")
    return cell(f"{seconds:,.1f}" if abs(seconds) < 1e9 else "", seconds)


_WORDS = ("Data", "Model", "Best control")  # columns that begin at the left
_COLUMNS: tuple[_Column, ...] = (
    ("Data", "The dataset, with the settings that say what is asked of it", _task),
    ("Model", "The detector, with the settings that differ", _model),
    ("Rank", "By mean AUROC on the same data", _rank),
    ("Runs", "Finished runs, one a seed", _runs),
    ("AUROC", "Mean over seeds, with its 95 % t interval", _auroc),
    ("Avg. precision", "Mean over seeds; a random score reaches the base rate", _precision),
    ("Found at 1 %", "The best detection rate at a false-positive rate of at most 1 % on the test rows", _detected),
    ("False alarms", "Share of normal test rows reported, of the share that was promised", _alarms),
    ("Training gain", "AUROC less that of the same network untrained, with its 95 % interval over seeds", _gain),
    ("Best control", "Of those that need no training; how far the model's AUROC is above it", _control),
    ("Fit s", "Seconds of fitting", _seconds),
)


def in_words(tasks: dict[str, list[Configuration]]) -> list[str]:
    """For each task a sentence or two, escaped: who ranks first, how sure that is, and what needs no model."""
    return [_verdict(task, of_task) for task, of_task in tasks.items()]


def _verdict(task: str, of_task: list[Configuration]) -> str:
    ranked = [c for c in of_task if not math.isnan(c.mean("roc_auc"))]
    if not ranked:
        return f"<b>{text(task, 60)}</b>: no run has an AUROC."
    first = ranked[0]
    interval = _interval(first.group, "roc_auc")
    sentence = f"<b>{text(task, 60)}</b>: <b>{text(first.solver, 80)}</b> ranks first of"
    sentence += f" {plural(len(ranked), 'configuration')}, AUROC {number(first.mean('roc_auc'))}"
    sentence += f" ({interval})" if interval else ""
    probability = first.group.get("above_next", math.nan)
    if len(ranked) > 1 and isinstance(probability, float) and not math.isnan(probability):
        sure = "" if probability >= 0.975 else ", which is inconclusive"
        sentence += f"; it is truly above {text(ranked[1].solver, 80)} with a probability of {_sure(probability)}{sure}"
    beaten = [c for c in ranked if c.group.get("over_control", math.nan) < 0]
    if beaten:
        name = str(beaten[0].group.get("control"))
        control = text(CONTROLS.get(name, name), 40)
        whom = "every model" if len(beaten) == len(ranked) else f"{len(beaten)} of {len(ranked)} models"
        sentence += f". A control without training, {control}, ranks better than {whom}"
    return f"{sentence}."


def _sure(probability: float) -> str:
    return f"{100 * min(probability, 0.999):.1f} %" if probability > 0.99 else f"{100 * probability:.0f} %"
