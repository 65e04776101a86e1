"""Tests of the command line: exit codes, JSON, help, and messages for newcomers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from scipy import stats
from typer.testing import CliRunner, Result

from adbench import __version__
from adbench.cli.main import app
from adbench.config.options import groups

COMMANDS = ["", "train", "sweep", "summarize", "report", "check", "reproduce", "models", "config"]
COMMANDS += ["data", "data list", "data show", "data fetch", "data verify"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def modules_after(*arguments: str) -> set[str]:
    """The modules loaded by a fresh process at the end of the command."""
    script = (
        "import sys\nfrom adbench.cli.main import app\n"
        f"try: app({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_and_exits_with_zero(command: str) -> None:
    result = invoke(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_the_habits_of_a_command_line() -> None:
    for command in COMMANDS:
        assert invoke(*command.split(), "-h").stdout == invoke(*command.split(), "--help").stdout
    version = invoke("--version")
    assert (version.exit_code, version.stdout) == (0, f"adbench {__version__}\n")
    done = subprocess.run([sys.executable, "-m", "adbench", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == version.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = {"torch", "pytorch_lightning", "pandas", "numpy", "hydra", "sklearn", "requests", "jinja2"}
    for command in (["train"], ["reproduce"], ["report"], ["data", "show"], ["data", "fetch"]):
        assert not heavy & modules_after(*command, "--help")


def test_light_commands_do_not_import_torch(quick: list[str], tmp_path: Path) -> None:
    assert invoke("train", "model=ae", *quick).exit_code == 0
    planned = ["sweep", "model=ae,vae", "--dry-run", *quick]
    data = [["data", "list"], ["data", "verify"], ["data", "show", "nslkdd", quick[0]]]
    for command in (["summarize", str(tmp_path / "runs")], ["models"], ["config"], planned, *data):
        loaded = modules_after(*command)
        assert "adbench.cli.main" in loaded
        assert not {"torch", "pytorch_lightning"} & loaded, command


def test_train_prints_a_panel_that_says_what_a_newcomer_needs(quick: list[str]) -> None:
    result = invoke("train", "model=ae", *quick)
    assert result.exit_code == 0
    for words in (
        "Trained on",
        "AUROC",
        "95 % interval",
        "the base rate",
        "promised 5.00 %, achieved",
        "dos",
        "probe",
        "attack types never seen",
        "same network, untrained",
        "training gain",
        "runs/nslkdd-ae-s0-",
    ):
        assert words in result.stdout, words


def test_train_json_is_one_document(quick: list[str]) -> None:
    result = invoke("train", "model=ae", *quick, "--json")
    document = json.loads(result.stdout)
    assert set(document) == {"run", "status", "metrics"}
    assert document["status"] == "done"
    assert document["metrics"] == json.loads((Path(document["run"]) / "metrics.json").read_text())


def test_summarize_shows_runs_and_means_over_seeds(quick: list[str], tmp_path: Path) -> None:
    aurocs, of_rows = [], 0.0
    for seed in (0, 1):
        document = json.loads(
            invoke("train", "model=ae", "preprocess=quantile", f"seed={seed}", *quick, "--json").stdout
        )
        low, high = (document["metrics"][f"roc_auc_{side}"] for side in ("low", "high"))
        aurocs.append(document["metrics"]["roc_auc"])
        of_rows += ((high - low) / (2 * 1.959964)) ** 2 / 2
    other = json.loads(invoke("train", "model=ae", "preprocess=minmax", *quick, "--json").stdout)
    (Path(other["run"]) / "metrics.json").unlink()
    result = invoke("summarize", str(tmp_path / "runs"), "--json")
    tables = json.loads(result.stdout)
    assert [(row["seed"], row["status"]) for row in tables["rows"]] == [
        (0, "incomplete"),
        (0, "done"),
        (1, "done"),
    ]
    counts = {group["settings"]: [group[name] for name in ("n", "failed", "missing")] for group in tables["groups"]}
    quantile = "preprocess=quantile preprocess.n_quantiles=1000"
    assert counts == {quantile: [2, 0, 0], "preprocess=minmax": [0, 0, 2]}
    (group,) = (group for group in tables["groups"] if group["n"])
    assert group["roc_auc"] == pytest.approx(sum(aurocs) / 2)
    of_seeds = (aurocs[0] - aurocs[1]) ** 2 / 4
    df = ((of_seeds + of_rows) / of_seeds) ** 2  # one degree of freedom and very many
    half_width = float(stats.t.ppf(0.975, df)) * (of_seeds + of_rows) ** 0.5
    assert group["roc_auc"] - group["roc_auc_low"] == pytest.approx(min(half_width, group["roc_auc"]), rel=1e-4)
    text = invoke("summarize", str(tmp_path / "runs")).stdout
    assert "±" in text
    assert "incomplete" in text


def test_markup_is_shown_not_obeyed(quick: list[str], tmp_path: Path) -> None:
    assert invoke("train", "model=ae", *quick).exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / "metrics.json").unlink()
    (folder / "error.txt").write_text("ValueError: [red]no[/red]")
    assert "[red]no[/red]" in invoke("summarize", str(tmp_path / "runs")).stdout


def test_one_damaged_run_is_a_row_among_the_others(quick: list[str], tmp_path: Path) -> None:
    for seed in (0, 1):
        assert invoke("train", "model=ae", f"seed={seed}", *quick).exit_code == 0
    damaged, _ = sorted((tmp_path / "runs").iterdir())
    (damaged / "metrics.json").write_text("{")
    result = invoke("summarize", str(tmp_path / "runs"), "--json")
    assert sorted(row["status"] for row in json.loads(result.stdout)["rows"]) == ["done", "unreadable"]
    assert invoke("summarize", str(damaged)).exit_code == 2


def test_a_run_named_twice_and_a_seed_run_twice_count_once(quick: list[str], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert invoke("train", "model=ae", *quick).exit_code == 0
    shutil.copytree(runs, tmp_path / "copy")
    (folder,) = runs.iterdir()
    tables = json.loads(invoke("summarize", str(runs), str(folder), str(tmp_path / "copy"), "--json").stdout)
    assert len(tables["rows"]) == 2
    assert [group["n"] for group in tables["groups"]] == [1]
    result = invoke("summarize", str(runs), "/nowhere")
    assert (result.exit_code, "/nowhere" in result.stderr) == (2, True)


def test_models_and_datasets_are_listed() -> None:
    models = json.loads(invoke("models", "--json").stdout)["models"]
    assert [model["name"] for model in models] == groups()["model"]
    assert all(model["description"] and model["arguments"] for model in models)
    datasets = {entry["name"]: entry for entry in json.loads(invoke("data", "list", "--json").stdout)["datasets"]}
    assert sorted(datasets) == groups()["data"]
    assert (datasets["nslkdd"]["rows"], datasets["nslkdd"]["on disk"]) == (148_517, True)
    assert "latent_size" in invoke("models").stdout
    assert "NSL-KDD" in invoke("data", "list").stdout


def test_config_prints_what_train_would_run() -> None:
    assert "seed: 7" in invoke("config", "seed=7").stdout
    document = json.loads(invoke("config", "seed=7", "--json").stdout)
    assert document["config"]["seed"] == 7
    assert document["run"].startswith("runs/nslkdd-vae-s7-")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "model=vea"], "did you mean vae"),
        (["train", "trainer.max_epochs=abc"], "expected a whole number"),
        (["train", "data.folder=/nowhere"], "/nowhere/nslkdd"),
        (["train", "data=table"], "expected data.path"),
        (["data", "show", "nslkdd", "seed=1"], "expected overrides of the dataset"),
        (["data", "show", "nslkd"], "did you mean nslkdd"),
        (["data", "fetch", "table"], "expected a dataset whose upstream files are known"),
        (["config", "sed=1"], "did you mean seed"),
        (["summarize", "/nowhere"], "at least one run in /nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    run_dir = [f"runs_dir={tmp_path / 'runs'}"] if arguments[0] == "train" else []
    result = invoke(*arguments, *run_dir)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
    as_json = invoke(*arguments, *run_dir, "--json")
    assert as_json.exit_code == 2
    assert sentence in json.loads(as_json.stdout)["error"]


def test_a_failed_run_exits_with_1(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from adbench.models.autoencoders.ae import AE

    def broken(self: AE, x: Any) -> Any:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(AE, "loss", broken)
    result = invoke("train", "model=ae", *quick)
    assert result.exit_code == 1
    assert "the run failed: ZeroDivisionError: oops" in result.stderr
    assert json.loads(invoke("train", "model=ae", *quick, "--json").stdout)["status"] == "failed"


def started(arguments: list[str]) -> "subprocess.Popen[str]":
    # Background jobs of a shell ignore Ctrl-C, and so would their children, including these tests'.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listening}; from adbench.cli.main import main; main()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_leaves_an_incomplete_run_and_exits_with_130(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    process = started(["train", "model=ae", "trainer.max_epochs=10000", f"runs_dir={runs}"])
    deadline = time.monotonic() + 120
    while not list(runs.glob("*/history.csv")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "interrupted; the same command goes on from here" in stderr
    assert "Traceback" not in stderr
    (folder,) = runs.iterdir()
    assert not (folder / "metrics.json").exists()
    assert [row["status"] for row in json.loads(invoke("summarize", str(runs), "--json").stdout)["rows"]] == [
        "incomplete"
    ]


def test_an_interrupt_of_the_parent_alone_ends_its_training_processes(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    process = started(["train", "model=ae", "trainer=ddp_cpu", "trainer.max_epochs=10000", f"runs_dir={runs}"])
    deadline = time.monotonic() + 120
    while not list(runs.glob("*/history.csv")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)  # waits for all holders of the pipe, including children
    assert process.returncode == 130, stderr


def test_a_pipe_gets_whole_rows(quick: list[str], tmp_path: Path) -> None:
    hidden = [8] * 60
    for sizes in (hidden, [8]):
        assert invoke("train", "model=ae", f"model.hidden_sizes={sizes}".replace(" ", ""), *quick).exit_code == 0
    lines = invoke("summarize", str(tmp_path / "runs")).stdout.splitlines()
    assert any(str(hidden) in line and "±" not in line and "0." in line for line in lines)


def test_escape_sequences_of_a_run_folder_do_not_reach_the_terminal(quick: list[str], tmp_path: Path) -> None:
    assert invoke("train", "model=ae", *quick).exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / "metrics.json").unlink()
    (folder / "error.txt").write_text("ValueError: \x1b]0;mine now\x07")
    output = invoke("summarize", str(tmp_path / "runs")).stdout
    assert "mine now" in output
    assert "\x1b" not in output


@pytest.mark.parametrize("command", ["config", "models"])  # plain lines, and a table
def test_a_reader_that_goes_away_is_no_error(command: str) -> None:
    with started([command]) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_closed_output_and_a_terminal_without_unicode(quick: list[str], tmp_path: Path) -> None:
    assert invoke("train", "model=ae", *quick).exit_code == 0
    shutil.copytree(tmp_path / "runs", tmp_path / "copy")
    call = f"{sys.executable} -c 'from adbench.cli.main import main; main()'"
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for command, env in ((f"{call} models >&-", None), (f"{call} summarize {tmp_path / 'runs'}", plain)):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, env=env)
        assert (done.returncode, done.stderr) == (0, ""), command


def test_the_installed_command_is_this_one(tmp_path: Path) -> None:
    adbench = Path(sys.executable).with_name("adbench")
    done = subprocess.run([adbench, "config", "--json"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout)["config"]["seed"] == 0


def test_a_script_can_call_train(quick: list[str]) -> None:
    from adbench.runner.run import train

    run = train(["model=ae", *quick])
    assert run.metrics["roc_auc"] > 0.5
    assert os.fspath(run.folder)
