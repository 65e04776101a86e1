"""`adbench train`."""

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adbench.cli.common import Json, KeepOld, Overrides, command, console, print_json, say_earlier_names
from adbench.cli.display.profile import IMPORT, Profile
from adbench.cli.sweep import run_sweep
from adbench.runner.imports import without_gc
from adbench.runner.reporter import PlainReporter, Stopwatch

if TYPE_CHECKING:
    from adbench.results.record import Run


@command
def train(
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Run a finished run again.")] = False,
    keep_old: KeepOld = False,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="Several values per key: the same as `adbench sweep`.")
    ] = False,
    profiled: Annotated[bool, typer.Option("--profile", help="Print a table of the stages' times on stderr.")] = False,
    as_json: Json = False,
) -> int:
    """Train one detector, test it, and say how far to believe it.

    The run is stored in runs/<data>-<model>-s<seed>-<hash>. The same configuration is not run twice by the same code,
    and a run that was interrupted or killed during training resumes from its last checkpoint.

    \b
    Examples: adbench train model=vae data=nslkdd
              adbench train model=ae seed=3 preprocess=minmax trainer.max_epochs=40
              adbench train model=vae base_rate=1e-4 rows_per_day=1e6
    """
    if multirun:
        if profiled:
            from adbench.errors import ConfigError

            raise ConfigError("expected --profile for one run, got several by -m; profile one of them without it")
        return run_sweep(overrides or [], as_json, force=force, keep_old=keep_old)
    profile = Profile()
    code = _train(overrides or [], (force, keep_old), as_json, profile)
    if profiled:
        if profile.has_run:
            console(stderr=True).print(profile.table())
        else:
            print("adbench: nothing was run, so there is nothing to profile", file=sys.stderr)
    return code


def _train(overrides: list[str], wishes: tuple[bool, bool], as_json: bool, profile: Profile) -> int:
    clock = Stopwatch(profile)
    with clock.of(IMPORT):
        from adbench.config.alarm_rate import use_of
        from adbench.config.compose import compose
        from adbench.results.code import code_at_hand, difference
        from adbench.runner import run as runner
    with clock.of("compose"):
        config = compose(overrides)
    force, keep_old = wishes
    if not force and (finished := runner.finished(config, keep_old)):
        why = difference(finished, code_at_hand(config))
        made = f", {why}" if why else ""
        print(f"adbench: {finished.folder} is finished already{made}; --force runs it again", file=sys.stderr)
    say_earlier_names([config])
    with clock.of(IMPORT), without_gc():
        drawing = _drawing()
    with drawing as profile.to:
        run = runner.run(config, runner.Context(profile, force, keep_old=keep_old))
    if as_json:
        print_json(run.document() | _in_use(run, config))
    elif run.status == "done":
        from adbench.cli.display.run_panel import result_panel

        console().print(result_panel(run, use_of(config)))
    if run.status == "failed":
        print(f"adbench: the run failed: {run.error}; see {run.folder / 'error.txt'}", file=sys.stderr)
        return 1
    if run.status == "pruned":
        print(f"adbench: the run was stopped {run.error}, by the file stop in {run.folder}", file=sys.stderr)
    return 0


def _in_use(run: "Run", config: dict[str, Any]) -> dict[str, Any]:
    """The alarms at the requested base rate, if one was given; they belong to the request, not to the run."""
    from adbench.config.alarm_rate import use_of
    from adbench.evaluation.in_use import in_use

    use = use_of(config)
    if use is None or run.status != "done":
        return {}
    found = in_use([run.metrics], use)
    return {"in_use": {"base_rate": use.base_rate} | (found.document() if found else {})}


def _drawing() -> Any:
    """A context whose reporter draws on a terminal, or writes only the important lines elsewhere."""
    if sys.stderr.isatty():
        from adbench.cli.display.run_progress import RichReporter

        return RichReporter(console(stderr=True))
    return nullcontext(PlainReporter())
