"""`adbench sweep`, and `train -m`."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from adbench.cli.common import Json, KeepOld, command, console, print_json, say_earlier_names
from adbench.text import printable

SWEEP_OVERRIDES_HELP = (
    "As for train, with several values per key: model=ae,vae 'seed=range(5)' 'model=glob(*)'; and "
    "benchmark=NAME, executor=..., sampler=..., objective=..."
)


@command
def sweep(
    overrides: Annotated[list[str] | None, typer.Argument(help=SWEEP_OVERRIDES_HELP, show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the jobs and their state; run nothing.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Show the progress of the last sweep over runs_dir, from any terminal.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed, timed-out and pruned jobs again.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Start no more jobs after the first one that does not finish.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Time limit per job, in seconds.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run finished jobs again.")] = False,
    keep_old: KeepOld = False,
    as_json: Json = False,
) -> int:
    """Run many jobs, one per combination of the values; only missing runs, or those made by other code, are computed.

    After a crash, the same command runs the rest. Failed jobs become rows of the table; the others continue.

    \b
    Examples: adbench sweep model=ae,vae,gan data=nslkdd 'seed=range(5)'
              adbench sweep benchmark=leaderboard --dry-run
              adbench sweep benchmark=tables model=pca,knn runs_dir=runs/tables
              adbench sweep --status
    """
    if status:
        return _status(overrides or [], as_json)
    rules = {"retry_failed": retry_failed, "fail_fast": fail_fast, "timeout": timeout}
    return run_sweep(overrides or [], as_json, dry_run, **rules, force=force, keep_old=keep_old)


def run_sweep(overrides: list[str], as_json: bool, dry_run: bool = False, **rules: Any) -> int:
    """Run a sweep and print its table; the exit code is 1 if a job did not finish."""
    from adbench.results.record import DONE, PRUNED
    from adbench.sweeps.best import best_of
    from adbench.sweeps.plan import Rules, plan
    from adbench.sweeps.schedule import sweep

    checked = Rules(**rules)
    planned = plan(overrides)
    if dry_run:
        _print_jobs(planned.sampler.jobs, planned.sampler.n_jobs, as_json, checked.keep_old)
        for sentence in planned.left_out:
            print(f"adbench: {printable(sentence)}", file=sys.stderr)
        return 0
    say_earlier_names([job.config for job in planned.sampler.jobs])
    with _drawing() as reporter:
        runs = sweep(planned, checked, reporter)
    unfinished = [run for run in runs if run.status not in (DONE, PRUNED)]
    best = None if planned.objective is None else best_of(planned.sampler.jobs, planned.objective, checked.keep_old)
    if as_json:
        chosen = {} if planned.objective is None else {"best": best and best.document()}
        print_json({"runs": [run.document() for run in runs]} | chosen)
    else:
        from adbench.analysis.summary import summarize_runs
        from adbench.analysis.tables import groups_sheet
        from adbench.cli.display.tables import print_sheet

        if runs:
            print_sheet(groups_sheet(summarize_runs(runs)), console(whole_lines=True))
        if planned.objective is not None:
            none = [f"best {planned.objective.name}: none, since no configuration has it for all its seeds"]
            print(*map(printable, best.lines() if best else none), sep="\n")
    for run in unfinished:
        print(
            f"adbench: {run.status}: {printable(str(run.folder))}: {printable(run.error) or 'not started'}",
            file=sys.stderr,
        )
    return 1 if unfinished else 0


def _drawing() -> Any:
    from adbench.cli.display.sweep_progress import Lines, LiveTable

    if sys.stderr.isatty():
        return LiveTable(console(stderr=True))
    return nullcontext(Lines(sys.stderr))


def _print_jobs(jobs: list[Any], n_jobs: int, as_json: bool, keep_old: bool) -> None:
    states = [(job, "running" if job.holder() else job.state(keep_old).status) for job in jobs]
    entries: list[dict[str, Any]] = [
        {"run": str(job.path), "status": state, "overrides": list(job.overrides)} for job, state in states
    ]
    if as_json:
        print_json({"runs": entries})
        return
    for entry in entries:
        print(f"{entry['status']:10}  {printable(Path(entry['run']).name)}  {printable(' '.join(entry['overrides']))}")
    todo = sum(state in ("incomplete", "outdated") for _, state in states)
    more = f", and {n_jobs - len(jobs):,} more that the sampler will choose" if n_jobs > len(jobs) else ""
    print(f"{len(jobs):,} jobs, {todo:,} of them not run yet{more}", file=sys.stderr)


def _status(overrides: list[str], as_json: bool) -> int:
    from collections import Counter

    from adbench.config.compose import compose
    from adbench.sweeps.status import read_status

    given = [text for text in overrides if text.startswith("runs_dir=")]
    status = read_status(Path(compose(given)["runs_dir"]))
    counts = Counter(entry.status for entry in status.entries)
    if as_json:
        entries = [{"run": str(e.run), "status": e.status, "detail": e.detail} for e in status.entries]
        print_json({"overrides": status.overrides, "started": status.started, "counts": dict(counts), "runs": entries})
        return 0
    print(f"sweep {printable(' '.join(status.overrides))}, started {status.started}")
    for entry in status.entries:
        if entry.status not in ("done", "waiting"):
            print(f"  {entry.status:10} {printable(entry.run.name)}  {printable(entry.detail)}")
    print(", ".join(f"{n} {name}" for name, n in sorted(counts.items())))
    return 0
