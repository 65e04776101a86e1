"""Formats of a gate's report: table, JSON, JUnit XML, Markdown for a pull request. All names are untrusted."""

import math
import re
from collections import Counter
from typing import Any
from xml.etree import ElementTree

from adbench.gate.check import RUNS, Report
from adbench.gate.verdict import FAILED, INCONCLUSIVE, MISSING, PASS, REGRESSION, Verdict
from adbench.stats.interval import Interval
from adbench.text import escape_markdown, printable

HEADINGS = ("verdict", "data", "model", "metric", "baseline", "now", "change", "seeds", "would have seen", "why")
N_TEXT_COLUMNS = 4
_ADVICE = {
    0: "no detector has become worse",
    1: "a detector has become worse, or a run failed",
    3: "the runs cannot tell whether a detector has become worse",
}


def headline(report: Report) -> str:
    """The overall verdict in one line, with the number of verdicts of each kind."""
    counts = Counter(v.verdict for v in report.verdicts if report.counts(v))
    numbers = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())) or "nothing was compared"
    return f"{report.verdict}: {_ADVICE[report.exit_code]} ({numbers})"


def cells(verdict: Verdict) -> list[str]:
    """One verdict under HEADINGS, as printable text."""
    case = verdict.case
    model = " ".join(filter(None, (case.model, case.settings)))
    if case.metric == RUNS:
        return [*map(printable, (verdict.verdict, case.data, model, RUNS)), *"-----", printable(verdict.reason)]
    digits = 3 if case.metric.endswith("_seconds") else 4
    numbers = [_number(verdict.baseline_mean, digits), _number(verdict.current_mean, digits), _change(verdict)]
    seeds, seen = f"{len(case.baseline)} / {len(case.current)}", verdict.smallest_effect()
    if verdict.change is not None and verdict.change.paired:
        seeds = f"{verdict.change.n} pairs"
    smallest = {None: "-", 0.0: "any"}.get(seen) or ("+" if case.less_is_better else "-") + _effect(
        seen or 0.0, verdict
    )
    return [*map(printable, (verdict.verdict, case.data, model, case.metric)), *numbers, seeds, smallest, why(verdict)]


def why(verdict: Verdict) -> str:
    """The reason, with the number of seeds that would settle it."""
    settle = verdict.seeds_to_settle()
    return printable(verdict.reason) + (f"; about {settle:,} seeds would tell" if settle else "")


def as_document(report: Report) -> dict[str, Any]:
    """The report in plain types."""
    return {
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "verdicts": [_document(v, report.counts(v)) for v in report.verdicts],
        "notes": report.notes,
    }


def as_junit(report: Report) -> str:
    """The report as JUnit XML, one test case per comparison: regressions and failed runs are failures, inconclusive
    ones are skipped."""
    shown = [(v, _junit_result(v, report.counts(v))) for v in report.verdicts]
    results = Counter(result for _, result in shown)
    counts = {"tests": len(shown), "failures": results["failure"], "skipped": results["skipped"], "errors": 0}
    attributes = {name: str(n) for name, n in counts.items()}
    root = ElementTree.Element("testsuites", {"name": "adbench check"} | attributes)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "adbench check"} | attributes)
    for verdict, result in shown:
        case, text = verdict.case, cells(verdict)
        where = ".".join(_xml(part) for part in (case.data, case.model, case.settings) if part)
        element = ElementTree.SubElement(
            suite, "testcase", {"classname": where, "name": _xml(case.metric), "time": "0"}
        )
        message = f"{verdict.verdict}: {_xml(why(verdict))}"
        if result:
            child = ElementTree.SubElement(element, result, {"message": message})
            if result == "failure":
                child.set("type", verdict.verdict)
        details = "\n".join(f"{heading}: {cell}" for heading, cell in zip(HEADINGS, text, strict=True))
        ElementTree.SubElement(element, "system-out").text = _xml(details)
    if report.notes:
        ElementTree.SubElement(suite, "system-out").text = _xml("\n".join(map(printable, report.notes)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def as_markdown(report: Report) -> str:
    """A comment for a pull request: the verdict, everything that is not a pass, and the rest folded."""
    mark = {0: "✅", 1: "❌", 3: "❔"}[report.exit_code]
    worth = [v for v in report.verdicts if v.verdict != PASS and report.counts(v)]
    rest = [v for v in report.verdicts if v not in worth]
    lines = [f"{mark} **adbench check: {_markdown(headline(report))}**", ""]
    if worth:
        lines += [*_markdown_table(worth), ""]
    speed = "" if report.limits.gate_speed else ", and speed, which does not count"
    if rest:
        lines += [*_folded(f"{len(rest)} more: what passes{speed}", _markdown_table(rest)), ""]
    if report.notes:
        lines += [*_folded(f"notes: {len(report.notes)}", [f"- {_markdown(note)}" for note in report.notes]), ""]
    lines.append(f"<sub>{_markdown(explanation(report))}</sub>")
    return "\n".join(lines)


def explanation(report: Report) -> str:
    """The meaning of the columns."""
    limits, n = report.limits, sum(v.change is not None and v.rules.kind == "quality" for v in report.verdicts)
    return (
        f"Change: now less baseline, with intervals that hold for all {n} comparisons of quality at once in"
        f" {100 * (1 - 2 * limits.alpha):g} % of cases. A drop"
        f" is a regression at p <= {limits.alpha:g} after Holm's correction; a pass excludes one by"
        f" {limits.tolerance:g}. Would have seen: the smallest change for the worse found in four of five cases."
    )


def _document(verdict: Verdict, counts: bool) -> dict[str, Any]:
    case, change, difference = verdict.case, verdict.change, verdict.difference()
    document = {"data": case.data, "model": case.model, "settings": case.settings, "metric": case.metric}
    numbers = {
        "baseline": verdict.baseline_mean,
        "current": verdict.current_mean,
        "change": difference.value if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "p_drop": verdict.p_drop,
        "smallest_effect": verdict.smallest_effect(),
    }
    return {
        **document,
        "kind": verdict.rules.kind,
        "verdict": verdict.verdict,
        "counts": counts,
        "reason": verdict.reason,
        **{name: None if x is None or not math.isfinite(x) else x for name, x in numbers.items()},
        "n_baseline": len(case.baseline),
        "n_current": len(case.current),
        "paired": change.paired if change else None,
        "seeds_to_settle": verdict.seeds_to_settle(),
    }


def _junit_result(verdict: Verdict, counts: bool) -> str:
    if verdict.verdict in (REGRESSION, FAILED):
        return "failure" if counts else "skipped"
    return "skipped" if verdict.verdict in (INCONCLUSIVE, MISSING) else ""


def _change(verdict: Verdict) -> str:
    difference = verdict.difference()
    if difference is None or not math.isfinite(difference.value):
        return "-"
    if difference.value == difference.low == difference.high == 0:
        return "0"
    value, low, high = (_signed(x, verdict) for x in (difference.value, difference.low, difference.high))
    return value if _without_interval(difference) else f"{value} [{low}, {high}]"


def _without_interval(difference: Interval) -> bool:
    return not math.isfinite(difference.low) or difference.low == difference.high


def _signed(x: float, verdict: Verdict) -> str:
    return ("-" if x < 0 else "+") + _effect(abs(x), verdict)


def _effect(size: float, verdict: Verdict) -> str:
    if verdict.rules.kind == "speed":
        return f"{100 * size:.0f}%" if size < 100 else f"{size:.2g} times"
    return f"{size:.4f}" if size >= 0.0001 or size == 0 else f"{size:.0e}"


def _number(x: float, digits: int) -> str:
    if not math.isfinite(x):
        return "-"
    return f"{x:.{digits}f}" if abs(x) < 1e9 else f"{x:.3g}"


def _markdown_table(verdicts: list[Verdict]) -> list[str]:
    rule = ["---"] * N_TEXT_COLUMNS + ["--:"] * (len(HEADINGS) - N_TEXT_COLUMNS - 1) + ["---"]
    rows = [HEADINGS, rule, *([_markdown(cell) for cell in cells(v)] for v in verdicts)]
    return [f"| {' | '.join(row)} |" for row in rows]


def _folded(title: str, lines: list[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"]


def _markdown(text: str) -> str:
    return escape_markdown(printable(text))


def _xml(text: str) -> str:
    """The text without characters that XML does not allow."""
    return _NOT_XML.sub("?", text)


_NOT_XML = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
