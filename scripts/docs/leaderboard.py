"""The leaderboard's tables: docs/results/leaderboard.md, and the README's between its two marks.

`make leaderboard` first runs the missing jobs, about half an hour for all on two cores.
"""

import sys
from pathlib import Path

from adbench.analysis.summary import Summary, summarize_runs
from adbench.analysis.tables import controls_sheet, groups_sheet, mean_cell, over_tasks_sheet, pairs_sheet
from adbench.analysis.text_table import Sheet, as_markdown
from adbench.results.provenance import made_with
from adbench.results.record import read_runs

RUNS, WITHOUT_TTL = Path("runs/leaderboard"), Path("runs/without_ttl")
README, DOCUMENT = Path("README.md"), Path("docs/results/leaderboard.md")
BEGIN, END = "<!-- leaderboard: make leaderboard writes this table -->", "<!-- end of leaderboard -->"


def main() -> None:
    runs, runs_without_ttl = read_runs([RUNS]), read_runs([WITHOUT_TTL])
    summary, without_ttl = summarize_runs(runs), summarize_runs(runs_without_ttl)
    for run in [*summary.rows.to_dict("records"), *without_ttl.rows.to_dict("records")]:
        if run["status"] != "done":
            sys.exit(f"{run['run']}: {run['status']} {run['error']}")
    parts = [
        "# Leaderboard",
        "Every model with its shipped defaults on three datasets, seeds 0 to 4: `make leaderboard`. Defaults were"
        " chosen on the training files alone.",
        f"Made by {made_with(run.environment for run in runs)}.",
        as_markdown([groups_sheet(summary), controls_sheet(summary), pairs_sheet(summary), over_tasks_sheet(summary)]),
        "## UNSW-NB15 without packet lifetimes",
        "`sttl`, `dttl` and `ct_state_ttl` tell how the attacks were made; this is what is left without them.",
        f"Made by {made_with(run.environment for run in runs_without_ttl)}.",
        as_markdown([groups_sheet(without_ttl), controls_sheet(without_ttl)]),
    ]
    DOCUMENT.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        sys.exit(f"expected the marks {BEGIN} and {END} in {README}, got none; put them where the table goes")
    README.write_text(f"{before}{BEGIN}\n\n{readme_table(summary)}\n\n{END}{after}", encoding="utf-8")


def readme_table(summary: Summary) -> str:
    """AUROC, one column per dataset: models by their mean, then controls."""
    datasets = sorted(summary.groups["data"].unique())
    cells: dict[str, dict[str, str]] = {}
    mean = summary.groups.groupby("model")["roc_auc"].mean()
    ordered = summary.groups.sort_values("model", key=lambda names: -names.map(mean), kind="stable")
    for row in ordered.to_dict("records"):
        cells.setdefault(row["model"], {})[row["data"]] = mean_cell(row, "roc_auc")
    for row in summary.controls.to_dict("records"):
        if row["control"] != "random":
            cells.setdefault(f"control: {row['control']}", {})[row["task"]] = mean_cell(row, "roc_auc")
    rows = [[name, *(of_name[data] for data in datasets)] for name, of_name in cells.items()]
    return as_markdown([Sheet("AUROC", ["model", *datasets], 1, rows)])


if __name__ == "__main__":
    main()
