"""Real runs, made once for all tests of the report."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adbench.runner.run import train


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven real runs of two tasks, with two models (one a network) and two seeds; read-only."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    label = (np.arange(500) % 5 == 0).astype(int)
    columns: dict[str, Any] = {f"x{i}": rng.normal(size=500) + 1.5 * label for i in range(12)}
    family = np.where(label == 1, np.where(np.arange(500) % 2 == 0, "flood", "scan"), "normal")
    pd.DataFrame(columns | {"label": label, "family": family}).to_csv(folder / "rows.csv", index=False)
    common = [f"data.path={folder / 'rows.csv'}", "data.label=label", "data.family=family", "target_fpr=0.1"]
    common += ["data=table", "trainer.max_epochs=2", f"runs_dir={folder / 'runs'}"]
    for model in ("ae", "pca"):
        for seed in (0, 1):
            train([f"model={model}", f"seed={seed}", *common])
    for model in ("ae", "pca", "knn"):
        train([f"model={model}", "protocol=random_split", *common])
    return folder / "runs"
