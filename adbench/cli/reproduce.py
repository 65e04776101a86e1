"""`adbench reproduce`."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adbench.cli.common import Json, command, console, ignore_broken_pipe, print_json
from adbench.text import printable

if TYPE_CHECKING:
    from adbench.runner.reproduce import Reproduction


@command
def reproduce(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.", show_default=False)],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Overrides for what has moved: data.path=NEW, trainer.accelerator=cpu.", show_default=False
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="Keep the new run in this folder. Default: it is removed.", show_default=False),
    ] = None,
    margin: Annotated[
        float, typer.Option(help="Difference in AUROC, and share of changed verdicts, that still count as equivalent.")
    ] = 0.001,
    as_json: Json = False,
) -> int:
    """Run a finished run again from its config.yaml; say whether the result is the same, and what has changed since.

    identical: all scores are equal bit for bit, as they must be with the same code, processor and number of threads.
    equivalent: the test rows exclude a difference larger than the margin. within rounding noise: the test rows cannot
    tell the two apart, and the difference is no larger than the one that another number of threads causes, which is
    measured if needed. different: none of these; exit code 1.

    \b
    Examples: adbench reproduce runs/nslkdd-vae-s0-b9787b2d
              adbench reproduce runs/table-ae-s0-0a1b2c3d data.path=moved/rows.csv --keep /tmp/again
    """
    from adbench.runner.reproduce import DIFFERENT
    from adbench.runner.reproduce import reproduce as run_again

    if sys.stderr.isatty():
        from adbench.cli.display.run_progress import RichReporter

        drawing: Any = RichReporter(console(stderr=True))
    else:
        from adbench.runner.reporter import PlainReporter

        drawing = nullcontext(PlainReporter())
    with drawing as reporter:
        found = run_again(run, overrides or [], keep, reporter, margin)
    with ignore_broken_pipe():
        if as_json:
            print_json(found.document())
        else:
            _print(found)
    return 1 if found.verdict == DIFFERENT else 0


def _print(found: "Reproduction") -> None:
    data = [key.removeprefix("data ") for key in found.changed if key.startswith("data ")]
    if data:
        _say(f"the data changed: {', '.join(data)}")
    _say(f"{found.verdict}: {found.reason}")
    if found.largest_difference:
        _say(f"largest difference of a row's scores: {found.largest_difference:.6g}")
        _say(f"on the other side of the threshold: {100 * (found.flipped or 0.0):.3g} % of the test rows")
    if found.precision_difference is not None:
        interval = found.precision_difference
        _say(f"average precision: {interval.value:+.3g}, 95 % interval {interval.low:+.3g} to {interval.high:+.3g}")
    from adbench.evaluation.metric_table import REPRODUCE, shown_in

    then, now = found.original.metrics, found.again.metrics
    print(f"\n{'metric':20}{'then':>16}{'now':>16}{'difference':>16}")
    for name in shown_in(REPRODUCE):
        if name in then and name in now:
            print(f"{name:20}{then[name]:>16.8g}{now[name]:>16.8g}{now[name] - then[name]:>+16.3g}")
    print()
    for line in _changes(found):
        _say(line)
    if found.kept:
        _say(f"run: {found.again.folder}")


def _changes(found: "Reproduction") -> list[str]:
    made = found.recomposed
    return [
        *(f"changed: {key}: {_short(before)} -> {_short(after)}" for key, (before, after) in found.changed.items()),
        *(
            f"changed: {key}={_short(value)} is not known today, and was left out"
            for key, value in made.unknown.items()
        ),
        *(f"changed: {key} was not stored; its default is {_short(value)}" for key, value in made.defaulted.items()),
        *(f"given: {key}={_short(value)}" for key, value in made.overridden.items()),
        *(f"note: {note}" for note in made.notes),
    ] or ["changed: nothing that a run records"]


def _say(text: str) -> None:
    print(printable(text))


def _short(value: Any) -> str:
    return str(value)[:100]
