"""Tests of names in run folders, and of folders of earlier formats."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import yaml
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.identity import flat_config, run_name
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.errors import AdbenchError
from adbench.inference.load import load
from adbench.results.formats import FORMAT, stored
from adbench.results.record import find_runs, read_run, read_runs
from adbench.runner.reproduce import DIFFERENT, reproduce
from adbench.runner.run import train

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format1"


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs of format 1, made relative to the current folder."""
    shutil.copytree(FORMAT_1, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


def move_classes(node: Any) -> Any:
    """The configuration after moving every class."""
    if not isinstance(node, dict):
        return node
    return {k: f"elsewhere.{v}" if k == "_target_" else move_classes(v) for k, v in node.items()}


@pytest.mark.parametrize("model", groups()["model"])
def test_moving_a_class_renames_nothing(model: str, tiny: list[str]) -> None:
    config = compose([f"model={model}", *tiny])
    moved = move_classes(copy.deepcopy(config))
    assert moved != config
    assert run_name(moved) == run_name(config)
    assert stored(moved) == stored(config)
    assert flat_config(moved) == flat_config(config)


@pytest.mark.parametrize("group", ["model", "preprocess", "protocol", "threshold"])
def test_options_with_the_same_keys_are_different_runs(group: str, tiny: list[str]) -> None:
    options = groups()[group]
    assert len({run_name(compose([*tiny, f"{group}={option}"])) for option in options}) == len(options)
    same_keys = compose(["preprocess=standard", *tiny]), compose(["preprocess=minmax", *tiny])
    assert len(set(map(run_name, same_keys))) == 2


def test_no_file_of_a_run_names_a_python_path(tiny: list[str]) -> None:
    run = train(["model=ae", "preprocess=quantile", *tiny, "logger=csv"])
    texts = {path.name: path.read_text() for path in run.folder.iterdir() if path.suffix in {".json", ".yaml"}}
    assert {"config.yaml", "model.json", "preprocess.json", "environment.json"} <= texts.keys()
    for name, text in texts.items():
        assert "_target_" not in text, name
        assert not re.search(r"adbench\.[a-z]", text), name
    document = yaml.safe_load(texts["config.yaml"])
    assert document["format"] == FORMAT
    assert json.loads(texts["model.json"])["model"] == "ae"
    assert json.loads(texts["preprocess.json"])["preprocess"] == "quantile"
    assert read_run(run.folder).config.keys() == document.keys() - {"format"}


@pytest.mark.parametrize(
    "override",
    [
        *("model._target_=os.system", "model._target_=adbench.models.vae.VAE", "+model={_target_:os.system}"),
        *("~model._target_", "++preprocess._target_=adbench.preprocess.minmax.MinMax", "controls._target_=os.system"),
    ],
)
def test_a_python_path_cannot_be_asked_for(override: str, tiny: list[str]) -> None:
    result = invoke("train", "model=ae", *tiny, override)
    assert result.exit_code == 2
    assert re.search("expected an option for|expected a model that exists", result.stderr), result.stderr


def test_a_run_keeps_its_calibration_scores_and_what_was_usual(tiny: list[str]) -> None:
    run = train(["model=ae", *tiny])
    scores = pyarrow.parquet.read_table(run.folder / "calibration.parquet")["score"].to_numpy()
    assert len(scores) == run.metrics["n_calibration"]
    assert (scores > run.metrics["threshold"]).mean() <= run.config["target_fpr"]
    columns = json.loads((run.folder / "columns.json").read_text())["columns"]
    assert [column["name"] for column in columns] == [f"x{i}" for i in range(12)]
    fit = pd.read_csv(run.config["data"]["path"]).query("label == 0")
    for column in columns:
        quantiles = column["quantiles"]
        assert column["n"] == run.metrics["n_fit"]
        assert fit[column["name"]].min() <= quantiles["0"] < quantiles["0.5"] < quantiles["1"]
        assert quantiles["1"] <= fit[column["name"]].max()


def test_categories_are_counted_and_values_can_be_left_out(quick: list[str]) -> None:
    run = train(["model=pca", *quick])
    columns = json.loads((run.folder / "columns.json").read_text())["columns"]
    (protocol,) = (column for column in columns if column["name"] == "protocol_type")
    assert protocol["kind"] == "category"
    assert set(protocol["values"]) == {"icmp", "tcp", "udp"}
    assert sum(protocol["values"].values()) == run.metrics["n_fit"]
    bare = train(["model=pca", *quick, "keep_values=false", "seed=1"])
    found = json.loads((bare.folder / "columns.json").read_text())["columns"]
    assert found == [{"name": column["name"], "kind": column["kind"]} for column in columns]
    assert run_name(compose(["keep_values=false", *quick])) == run_name(compose(quick))


def test_runs_of_format_1_are_summarised_and_reported(old: Path, tmp_path: Path) -> None:
    runs = read_runs([old / "runs"])
    assert [run.config["choices"]["model"] for run in runs] == ["ae", "gan", "iforest", "knn", "vae"]
    assert all(run.status == "done" and "_target_" not in str(run.config) for run in runs)
    rows = json.loads(invoke("summarize", "runs", "--json").stdout)["rows"]
    found = {row["model"]: row["roc_auc"] for row in rows}
    assert found == pytest.approx({run.config["choices"]["model"]: run.metrics["roc_auc"] for run in runs})
    assert invoke("report", "runs", "-o", tmp_path / "report.html").exit_code == 0


@pytest.mark.parametrize("name", [path.name for path in find_runs(FORMAT_1 / "runs")])
def test_runs_of_format_1_are_reproduced(name: str, old: Path) -> None:
    found = reproduce(old / "runs" / name)
    assert found.verdict != DIFFERENT, found.reason
    assert found.recomposed.unknown == {}


def test_old_and_new_runs_are_one_configuration(old: Path) -> None:
    arguments = ["data=table", "data.path=rows.csv", "data.label=label", "target_fpr=0.1", "trainer.max_epochs=3"]
    more = ["preprocess=quantile", "preprocess.tail=null", "seed=1", "runs_dir=runs"]
    new = train(["model=vae", "model.beta=1.0", "model.hidden_sizes=[64]", *arguments, *more])
    assert flat_config(read_run(old / "runs" / "table-vae-s0-780c62a9").config) == flat_config(new.config)


@pytest.mark.parametrize("name", [path.name for path in find_runs(FORMAT_1 / "runs")])
def test_runs_of_format_1_score_as_they_did(name: str, old: Path) -> None:
    fitted = load(old / "runs" / name)
    table = build(compose(["data=table", "data.path=rows.csv", "data.label=label"])["data"], "data")
    saved = pd.read_parquet(fitted.run.folder / "scores.parquet")
    found = fitted.detector.score_rows(fitted.encoder.transform(table.features.take(saved["row"].to_numpy())))
    np.testing.assert_allclose(found, saved["score"], rtol=1e-5)  # another processor rounds differently


def damage(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    (folder / name).write_bytes(change((folder / name).read_bytes()))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.json", lambda content: content.replace(b'"latent_size": 8', b'"latent_size": 7')),
        ("model.json", lambda content: content.replace(b'"n_features"', b'"features"')),
        ("model.json", lambda content: content.replace(b"adbench.models.vae.VAE", b"os.system")),
        ("model.json", lambda content: b"[]"),
        ("model.json", lambda content: b'{"model": "vae", "arguments": 3, "n_features": 10}'),
        ("model.json", lambda content: b'{"model": "vae", "arguments": {"_target_": "os.system"}, "n_features": 10}'),
        ("model.json", lambda content: b'{"model": "../vae", "arguments": {}, "n_features": 10}'),
        ("model.json", lambda content: content.replace(b'"n_features": 10', b'"n_features": "x"')),
        ("model.safetensors", lambda content: content[:-9]),
        ("preprocess.safetensors", lambda content: b"\x80\x04pickle"),
        ("preprocess.json", lambda content: b"{"),
        ("preprocess.json", lambda content: content.replace(b'"fitted"', b'"fit"')),
    ],
)
def test_a_damaged_part_is_one_sentence(name: str, change: Callable[[bytes], bytes], old: Path) -> None:
    folder = old / "runs" / "table-vae-s0-780c62a9"
    damage(folder, name, change)
    with pytest.raises(AdbenchError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def edit(folder: Path, **keys: Any) -> None:
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    for key, value in keys.items():
        group, _, inner = key.partition("__")
        if inner:
            config[group][inner] = value
        else:
            config[group] = value
    path.write_text(yaml.safe_dump(config, sort_keys=False))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"format": 3}, "expected a run of format 2 or lower in"),
        ({"format": "x"}, "update adbench to read it"),
        ({"model___target_": "os.system"}, "expected model._target_ in"),
        ({"controls___target_": "adbench.models.vae.VAE"}, "expected controls._target_ in"),
        ({"format": 2}, "to be left out, got"),  # runs of format 2 have no path
    ],
)
@pytest.mark.parametrize("command", ["summarize", "report", "reproduce"])
def test_what_no_run_writes_is_refused(command: str, keys: dict[str, Any], sentence: str, old: Path) -> None:
    folder = old / "runs" / "table-vae-s0-780c62a9"
    edit(folder, **keys)
    result = invoke(command, folder, *(["-o", "x.html"] if command == "report" else []))
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert not Path("x.html").exists()


def test_an_option_that_is_gone_is_said_by_what_needs_it(old: Path) -> None:
    folder = old / "runs" / "table-vae-s0-780c62a9"
    edit(folder, choices__model="wonder", model___target_="adbench.models.wonder.Wonder")
    assert read_run(folder).config["choices"]["model"] == "wonder"  # it may be a user's own model in another checkout
    result = invoke("reproduce", folder)
    assert result.exit_code == 2
    assert "expected a model that exists, got model=wonder" in result.stderr


def test_a_path_that_was_typed_is_the_option_it_stood_for(old: Path) -> None:
    folder = old / "runs" / "table-vae-s0-780c62a9"
    edit(folder, preprocess={"_target_": "adbench.preprocess.minmax.MinMax"})
    assert read_run(folder).config["choices"]["preprocess"] == "minmax"
