"""Tests of the bundled tables of other fields: AI4I, thyroid disease, shill bidding."""

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from adbench.config.paths import data_folder
from adbench.data import ai4i, shill, thyroid
from adbench.errors import ConfigError, DataError

MODULES = (ai4i, shill, thyroid)


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes the bundled file with some bytes replaced, and makes its loader expect that."""

    def write(module: ModuleType, before: bytes, after: bytes) -> str:
        import hashlib
        from dataclasses import replace

        (name,) = module.INFO.files
        content = gzip.decompress((data_folder() / module.INFO.folder / f"{name}.gz").read_bytes())
        assert before in content
        content = content.replace(before, after, 1)
        (tmp_path / module.INFO.folder).mkdir()
        (tmp_path / module.INFO.folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
        known = {name: hashlib.sha256(content).hexdigest()}
        monkeypatch.setattr(module, "INFO", replace(module.INFO, files=known))
        return str(tmp_path)

    return write


def column(table: object, name: str) -> np.ndarray:
    features = table.features  # type: ignore[attr-defined]
    found: np.ndarray = features.numeric[:, features.numeric_names.index(name)]
    return found


def test_a_failure_of_a_machine_goes_by_its_modes() -> None:
    table = ai4i.load()
    assert int(table.label.sum()) == 339
    assert Counter(np.asarray(table.family)) == {
        **{"normal": 9_661, "heat dissipation": 115, "power": 91, "overstrain": 78, "tool wear": 46, "unknown": 9}
    }
    assert Counter(np.asarray(table.attack))["power+overstrain"] == 11
    assert table.features.numeric_names[0] == "Air temperature [K]"
    assert table.features.vocabularies == {"Type": ("M", "L", "H")}
    assert not {*ai4i.MODES, "UDI", "Product ID"} & {*table.features.numeric_names, *table.features.vocabularies}


def test_a_diagnosis_goes_by_its_first_letter() -> None:
    table = thyroid.load()
    assert Counter(np.asarray(table.family)) == {
        **{"normal": 6_771, "hyperthyroid": 241, "hypothyroid": 667, "binding protein": 376},
        **{"non-thyroidal illness": 447, "replacement therapy": 355, "antithyroid treatment": 34, "miscellaneous": 281},
    }
    assert {"C|I", "GKJ"} <= set(np.asarray(table.attack))
    assert set(table.features.vocabularies) == {"sex", "referral source"}
    assert "?" in table.features.vocabularies["sex"]
    assert "diagnosis" not in table.features.numeric_names


def test_a_lab_value_that_was_not_measured_is_told_by_its_flag() -> None:
    table = thyroid.load()
    for name in ("TSH", "T3", "TT4", "T4U", "FTI", "TBG"):
        np.testing.assert_array_equal(column(table, name) == 0, column(table, f"{name} measured") == 0)
    assert int(column(table, "TBG measured").sum()) == 349
    assert (column(table, "age") > 120).sum() == 4
    assert len(thyroid.COLUMNS) == 29


def test_shill_bidding_has_no_ids() -> None:
    table = shill.load()
    assert int(table.label.sum()) == 675
    assert table.features.numeric_names == shill.FEATURES
    assert not table.features.vocabularies


@pytest.mark.parametrize("module", MODULES)
def test_columns_are_dropped_by_name(module: ModuleType) -> None:
    names = module.load().features.numeric_names
    assert module.load(drop=[names[0]]).features.numeric_names == names[1:]
    with pytest.raises(ConfigError, match=r"data\.drop to name columns, got nothing; there is "):
        module.load(drop=["nothing"])


@pytest.mark.parametrize("module", MODULES)
def test_an_altered_or_missing_file_is_refused(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="expected the folder"):
        module.load(str(tmp_path))
    (name,) = module.INFO.files
    (tmp_path / module.INFO.folder).mkdir()
    (tmp_path / module.INFO.folder / f"{name}.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(DataError, match="expected the upstream file with sha256"):
        module.load(str(tmp_path))


def test_a_file_of_other_columns_is_refused(altered: Callable[..., str]) -> None:
    with pytest.raises(DataError, match="expected the header UDI,Product ID,Type"):
        ai4i.load(altered(ai4i, b"Torque [Nm]", b"Torque"))


def test_a_diagnosis_that_is_none_is_refused(altered: Callable[..., str]) -> None:
    with pytest.raises(DataError, match="expected diagnoses of the letters A to T, got 'X'"):
        thyroid.load(altered(thyroid, b"other,-[840801013]", b"other,X[840801013]"))
