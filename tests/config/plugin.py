"""The plugin of the tests, and a run that takes an option of each group from it."""

from pathlib import Path

PUMP = Path(__file__).parent.parent / "fixtures" / "plugins" / "pump"


def run_pump(runs: Path, *more: str) -> list[str]:
    """Overrides of that run."""
    chosen = ["data=pump", "model=centre", "preprocess=halved", "protocol=half", "threshold=highest"]
    return [*chosen, f"runs_dir={runs}", *more]
