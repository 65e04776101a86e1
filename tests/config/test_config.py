import shutil
from pathlib import Path

import pytest

from adbench.config import compose as compose_module
from adbench.config import options as options_module
from adbench.config import overrides as overrides_module
from adbench.config.compose import compose
from adbench.config.identity import run_hash, run_name
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.config.paths import config_folder
from adbench.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("modle=vae", "got modle; did you mean model"),  # codespell:ignore
        ("model=vea", "got model=vea; did you mean vae"),
        ("model=forest", "got model=forest; did you mean iforest"),
        ("data=nslkd", "got data=nslkd; did you mean nslkdd"),
        ("model.latent_siz=3", "did you mean model.latent_size"),
        ("sed=3", "did you mean seed"),
        ("seed.x=3", "got seed.x"),
        ("trainer.max_epochs=abc", "expected a whole number for trainer.max_epochs, such as .*, got 'abc'"),
        ("trainer.max_epochs=1.5", "expected a whole number for trainer.max_epochs"),
        ("trainer.shuffle=3", "expected true or false for trainer.shuffle"),
        ("target_fpr=low", "expected a number for target_fpr"),
        ("model.hidden_sizes=[8,many]", "expected a list"),
        ("trainer=[a,b]", r"got trainer=\['a', 'b'\]"),
        ("model.hidden_sizes={a:1}", "expected a list"),
        ("model", "expected an override such as model=vae, got 'model'"),
        ("model=[", "expected an override"),
        ("model=ae,gan", "expected one value a key, got several"),
        ("seed=range(5)", "expected one value a key, got several"),
        ("~model", "expected a model, got none"),
        ("model=null", "expected a model, got none"),
        ("seed=${nowhere}", "cannot be composed"),
        ("model@data=ae", "expected a group or a key, got"),
        ("trainer=null", "expected a trainer, got none"),
        ("~seed", "expected a value for seed, got none"),
        ("~target_fpr", "expected a value for target_fpr, got none"),
        ("+foo=1", "expected a key that exists, got foo"),
        ("++sed=3", "got sed; did you mean seed"),
        ("+choices={}", "expected a key that exists, got choices"),
        ("+choices.data=x", "expected a key that exists, got choices"),
        ("+experiment=x", "experiment"),
        ("+model@x=ae", "expected a group or a key, got"),
        ("+debug@x=one_batch", "expected a group or a key, got"),
        ("+hydra.x=1", "expected a group or a key, got"),
        ("model.learning_rate=" + 400 * "1", r"expected a number for model\.learning_rate"),
        ("seed=" + 5000 * "1", "expected an override"),
        ("model.beta=nan", r"expected a finite number for model\.beta"),
        ("target_fpr=inf", "expected a finite number for target_fpr"),
        ("data.folder=~/x", "for this text write data.folder='\"~/x\"'"),
        ("trainer.max_epoch=3", r"got trainer\.max_epoch; did you mean trainer\.max_epochs\?"),
    ],
)
def test_a_wrong_override_is_one_sentence_that_says_what_would_be_right(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        compose([override])
    assert "\n" not in str(caught.value)


def test_a_group_key_without_its_part() -> None:
    with pytest.raises(ConfigError, match=r"one of the keys of experiment|a experiment that exists|there is"):
        compose(["experiment=none_such"])


def test_whole_numbers_serve_where_a_float_is_expected() -> None:
    assert compose(["model.learning_rate=1"])["model"]["learning_rate"] == 1.0
    assert run_hash(compose(["model.learning_rate=1"])) == run_hash(compose(["model.learning_rate=1.0"]))


def test_the_name_is_a_function_of_what_can_change_the_result() -> None:
    base = compose(["model=ae", "seed=3"])
    assert run_name(base).startswith("nslkdd-ae-s3-")
    same = ["runs_dir=elsewhere", "data.folder=elsewhere", "trainer.accelerator=gpu", "trainer.threads=2"]
    same += ["trainer.checkpoint_seconds=null", "trainer.checkpoint_seconds=0"]
    for override in same:
        assert run_name(compose(["model=ae", "seed=3", override])) == run_name(base), override
    different = [
        "seed=0",
        "target_fpr=0.02",
        "trainer.max_epochs=3",
        "trainer.min_steps=3",
        "trainer.schedule=linear",
        "trainer.precision=bf16-mixed",
        "trainer=ddp_cpu",
        "preprocess=minmax",
    ]
    names = {run_name(compose(["model=ae", "seed=3", override])) for override in different}
    assert len(names | {run_name(base)}) == len(different) + 1


def test_an_optional_group_can_be_said_to_be_none() -> None:
    assert compose(["debug=null"]) == compose([])


def test_debug_options_compose() -> None:
    assert compose(["debug=one_batch"])["trainer"]["limit_batches"] == 1
    overfit = compose(["debug=overfit"])["trainer"]
    assert (overfit["shuffle"], overfit["limit_batches"]) == (False, 1)


@pytest.mark.parametrize("group", sorted(groups()))
def test_every_option_of_every_group_composes(group: str) -> None:
    for option in groups()[group]:
        config = compose([f"{group}={option}"])
        if group == "logger":  # a run can have several: their names are keys
            assert list(config["logger"]) == ([] if option == "none" else [option])
        else:
            assert config["choices"][group] == option


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "sklearn.utils._testing.assert_run_python_script_without_output",
        "pytorch_lightning.Trainer",
        "adbench.training.trainer.Training",  # another group's
        "adbench.models.neural.copy.copy",
        "adbench.models.__builtins__",
        "subprocess.run",
        "builtins.eval",
        "adbench.config.paths.os.system",  # a module that an allowed one imported
        "adbench.results.provenance.subprocess",
        "adbench.results.provenance.version",  # a function that an allowed module imported
        "adbenchmark.evil",
        "adbench.nothing",
        "adbench.models.autoencoders.ae.NoSuchClass",
        "adbench",
        "",
        None,
        3,
    ],
)
def test_only_targets_on_the_allow_list_are_called(target: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="_target_"):
        build({"_target_": target, "args": f"touch {tmp_path / 'ran'}"}, "model")
    assert not (tmp_path / "ran").exists()


def test_arguments_that_do_not_fit_the_constructor() -> None:
    node = {"_target_": "adbench.preprocess.quantile.Quantile"}
    with pytest.raises(ConfigError, match=r"got preprocess\.n_quantile; did you mean n_quantiles"):
        build(node | {"n_quantile": 3}, "preprocess")
    with pytest.raises(ConfigError, match=r"write preprocess\.n_quantiles="):
        build(node, "preprocess")


def test_whoever_types_epochs_alone_gets_as_many() -> None:
    default = compose([])["trainer"]["min_steps"]
    assert default > 0
    assert compose(["trainer.max_epochs=3"])["trainer"]["min_steps"] == 0
    assert compose(["trainer.max_epochs=3", "trainer.min_steps=7"])["trainer"]["min_steps"] == 7
    assert compose(["trainer.batch_size=128"])["trainer"]["min_steps"] == default


def test_what_was_composed_is_composed_again_when_a_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(config_folder(), tmp_path / "configs")
    for module in (compose_module, options_module, overrides_module):
        monkeypatch.setattr(module, "config_folder", lambda: tmp_path / "configs")
    first = compose(["model=vae", "seed=3"])
    first["model"]["beta"] = 9.0  # changing one result does not change the other
    again = compose(["model=vae"])
    assert (again["model"]["beta"], again["seed"]) == (compose(["model=vae", "seed=3"])["model"]["beta"], 0)
    file = tmp_path / "configs" / "model" / "vae.yaml"
    file.write_text(file.read_text().replace("beta: ", "beta: 1"))
    assert compose(["model=vae"])["model"]["beta"] != again["model"]["beta"]
