"""The tab key, in real shells on a pseudo-terminal; and what is answered, by the function."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adbench.cli.completion import answer, configs, install
from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.options import SWEEP, groups

HEAVY = {"hydra", "omegaconf", "numpy", "pandas", "torch"}
# The command, which also notes how long its process took and what it imported.
COMMAND = """#!{python}
import json, sys
from adbench.cli.display.profile import process_seconds
from adbench.cli.main import main
try:
    main()
finally:
    with open({log!r}, "a") as file:
        file.write(json.dumps([process_seconds(), sorted({{name.partition(".")[0] for name in sys.modules}})]) + "\\n")
"""
QUIET = ["set bell-style none", "set page-completions off", "set completion-query-items 0"]
QUIET += ["set show-all-if-ambiguous on", "set enable-bracketed-paste off"]
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], [f"bind '{setting}'" for setting in QUIET]),
    "zsh": (["zsh", "-f", "-i"], ["unsetopt zle_bracketed_paste prompt_cr beep", "zstyle ':completion:*' menu no"]),
    "fish": (["fish", "--no-config", "-i"], ["function fish_prompt; echo -n '$ '; end", "bind \\ca beginning-of-line"]),
}


class Shell:
    """An interactive shell, to whose terminal keys are sent."""

    def __init__(self, name: str, folder: Path, cwd: Path) -> None:
        self.name, self.log = name, folder / "log"
        (folder / "bin").mkdir()
        command = folder / "bin" / "adbench"
        command.write_text(COMMAND.format(python=sys.executable, log=str(self.log)))
        command.chmod(0o755)
        script = folder / f"completion.{name}"
        script.write_text(install.script(name))
        words, settings = START[name]
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        path = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "TERM": "xterm", "PS1": "$ ", "COLUMNS": "300"}
        root = str(Path(answer.__file__).parents[3])
        self.rest = ""  # written after what was waited for
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(words[0], words, os.environ | home | path | {"PYTHONPATH": root})
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        for line in [*settings, f"source {script}"]:
            os.write(self.terminal, f"{line}\n".encode())
        os.write(self.terminal, b"echo rea''dy\n")
        self.until("ready")

    def until(self, text: str) -> str:
        """The output until a text appears."""
        shown, deadline = self.rest, time.monotonic() + 20
        while text not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([self.terminal], [], [], 0.1)[0]:
                shown += os.read(self.terminal, 65536).decode(errors="replace")
        before, _, self.rest = shown.partition(text)
        return before

    def tab(self, typed: str) -> tuple[str, set[str]]:
        """The line after a tab, and the words that were listed."""
        n_before = len(self.answers())
        os.write(self.terminal, f"{typed}\t".encode())
        deadline = time.monotonic() + 20
        while len(self.answers()) == n_before:
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.02)
        time.sleep(0.15)
        os.write(self.terminal, b"\x01echo '<''<'\x05'>''>'\n")  # the line becomes an argument of echo
        listed = self.until("<<")
        return self.until(">>"), set(listed.split())

    def answers(self) -> list[tuple[float, list[str]]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def shell(name: str, tmp_path: Path) -> Iterator[Shell]:
    if shutil.which(name) is None:
        pytest.skip(f"no {name}")
    (tmp_path / "here" / "runs" / "nslkdd-ae-s0-0a1b2c3d").mkdir(parents=True)
    (tmp_path / "here" / "rows.csv").touch()
    found = Shell(name, tmp_path, tmp_path / "here")
    yield found
    found.close()


@pytest.fixture(params=list(START))
def any_shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    yield from shell(request.param, tmp_path)


def test_a_tab_completes_in_each_shell(any_shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    for typed, line in {
        "adbench summ": "adbench summarize ",
        "adbench train --pro": "adbench train --profile ",
        "adbench train mod": "adbench train model",
        "adbench train model=v": "adbench train model=vae",
        "adbench sweep model=ae,v": "adbench sweep model=ae,vae",
        "adbench train model.lat": "adbench train model.latent_size=",
        "adbench train model=gan model.rec": "adbench train model=gan model.reconstruction_share=",
        "adbench train trainer.schedule=l": "adbench train trainer.schedule=linear",
        "adbench data show nsl": "adbench data show nslkdd ",
        "adbench train data=table data.path=ro": "adbench train data=table data.path=rows.csv",
        "adbench summarize ru": "adbench summarize runs/",
        "adbench train model=nonsense": "adbench train model=nonsense",
    }.items():
        got, _ = any_shell.tab(typed)
        assert got.rstrip(" /") == line.rstrip(" /"), typed  # which zsh takes away again
    if any_shell.name == "bash":  # which closes the quotes
        got, _ = any_shell.tab("adbench sweep 'model=ae,v")
        assert got == "adbench sweep model=ae,vae"
    _, listed = any_shell.tab("adbench train model=")
    assert {name for name in groups()["model"] if name not in " ".join(listed)} == set()
    for _, modules in any_shell.answers():
        assert not HEAVY & {*modules}
        assert "yaml" in modules or "typer" in modules
    seconds = sorted(seconds for seconds, _ in any_shell.answers())
    with capsys.disabled():
        print(f"\ncompletion: median {seconds[len(seconds) // 2]:.2f} s, slowest {seconds[-1]:.2f} s")
    assert seconds[len(seconds) // 2] < 0.5


def answered(*words: str) -> list[str]:
    """The candidates for the last of these words, without what they are."""
    _, candidates = answer.answer(words)
    return [word for word, _ in candidates if word.startswith(words[-1])]


@pytest.mark.parametrize("primary", ["train", SWEEP])
def test_the_keys_are_those_that_hydra_composes(primary: str) -> None:
    sweep = primary == SWEEP

    def shown(node: dict[str, Any], path: str = "") -> set[str]:
        return {
            word
            for key, value in node.items()
            if key != "choices" and not key.startswith("_")
            for word in (shown(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}"})
        }

    chosen = {group: names for group, names in groups(primary).items() if group not in ("benchmark", "experiment")}
    for i in range(max(map(len, chosen.values()))):
        choices = [f"{group}={names[i % len(names)]}" for group, names in chosen.items()]
        composed, tree = compose(choices, primary), configs.tree(choices, sweep)
        assert shown(composed) <= shown(tree), choices
        if not sweep:
            assert shown(tree) == shown(composed), choices


def test_values_are_those_that_the_source_checks_against() -> None:
    sources = [file.read_text() for file in Path(answer.__file__).parents[2].rglob("*.py")]
    checked = {key for text in sources for key in re.findall(r'require_one_of\("([\w.]+)"', text)}
    assert len(checked) > 10
    for key in checked - {"protocol.family"}:  # which the data decide
        group = key.partition(".")[0]
        every = [f"{group}={option}" for option in configs.options(group)]
        assert len({word for choice in every for word in answered("sweep", choice, f"{key}=")}) > 1, key
    assert answered("train", "data=table", "data.decimal=p") == ["data.decimal=point"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("adbench train mod", ["adbench", "train", "mod"]),
        ("adbench train ", ["adbench", "train", ""]),
        ("adbench sweep 'model=ae,v", ["adbench", "sweep", "model=ae,v"]),
        ('adbench train data.path="my ro', ["adbench", "train", "data.path=my ro"]),
        ("adbench train data.path=my\\ ro", ["adbench", "train", "data.path=my ro"]),
        ("adbench train a\\", ["adbench", "train", "a"]),
        ("adbench train 'seed=range(2)' ", ["adbench", "train", "seed=range(2)", ""]),
    ],
)
def test_a_line_is_split_as_a_shell_would(line: str, words: list[str]) -> None:
    assert answer.split(line) == words


def test_what_follows_depends_on_what_stands_before() -> None:
    assert answered("train", "model=gan", "model.nu") == []
    assert answered("train", "model=ocsvm", "model.nu") == ["model.nu="]
    assert answered("sweep", "model=glob(*)", "model.nu") == ["model.nu="]
    assert answered("train", "experiment=dagmm_kdd99", "threshold.perc") == ["threshold.percentile="]
    assert answered("train", "sampler") == []
    assert answered("sweep", "sampler.n_tr", "") != []
    assert answered("train", "-m", "sampler=gr") == ["sampler=grid"]
    assert answered("train", "++model.lat") == ["++model.latent_size="]
    assert answered("train", "logger=[csv,ten") == ["logger=[csv,tensorboard"]
    assert answered("train", "trainer.shuffle=") == ["trainer.shuffle=true", "trainer.shuffle=false"]
    assert answered("summarize", "--format", "la") == ["latex "]
    assert answered("summarize", "--format=la") == ["--format=latex "]
    assert answered("train", "--force", "--for") == []
    assert answered("data", "show", "nslkdd", "data.te") == ["data.test="]  # codespell:ignore
    assert answered("--install-completion", "z") == ["zsh "]
    for words in (["train", "nonsense.x"], ["nonsense", "x"], ["train", "=", "=="], ["train", "model="]):
        answer.answer(words)
    for words, mode in {
        ("report", ""): answer.FOLDERS,
        ("reproduce", ""): answer.FOLDERS,
        ("train", "data.path="): answer.FILES,
        ("check", "--baseline", ""): answer.FILES,
    }.items():
        assert answer.answer(words)[0] == mode


def test_a_file_that_is_no_yaml_spoils_no_tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(configs.config_folder(), tmp_path / "configs")
    (tmp_path / "configs" / "model" / "broken.yaml").write_bytes(b"a: [\xff")
    monkeypatch.setattr(configs, "config_folder", lambda: tmp_path / "configs")
    configs._text.cache_clear()
    assert answered("train", "model=broken", "model.") == []
    assert "model=broken" in answered("train", "model=")
    configs._text.cache_clear()


def test_completion_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    (tmp_path / ".bashrc").write_text("alias ll=ls")
    for words in (["--install-completion"], ["--install-completion", "bash"]):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0
        assert "new terminal" in result.stdout
    lines = (tmp_path / ".bashrc").read_text().splitlines()
    assert next(filter(None, lines)) == "alias ll=ls"
    assert sum("completion of adbench" in line for line in lines) == 1
    assert CliRunner().invoke(app, ["--install-completion", "fish"]).exit_code == 0
    assert (tmp_path / ".config/fish/completions/adbench.fish").is_file()
    shown = CliRunner().invoke(app, ["--show-completion", "zsh"])
    assert "compdef _adbench adbench" in shown.stdout
    (tmp_path / ".local/share/adbench").rename(tmp_path / "elsewhere")
    (tmp_path / ".local/share/adbench").touch()
    refused = CliRunner().invoke(app, ["--install-completion", "bash"])
    assert (refused.exit_code, "expected to write" in refused.stderr) == (2, True)
    refused = CliRunner().invoke(app, ["--install-completion", "tcsh"])
    assert (refused.exit_code, "expected one of the shells" in refused.stderr) == (2, True)


def test_options_of_plugins_complete_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADBENCH_PLUGINS", str(Path(__file__).parents[1] / "fixtures" / "plugins" / "pump"))
    assert "centre" in configs.options("model")
    monkeypatch.setenv("ADBENCH_PLUGINS", "nowhere")
    assert "centre" not in configs.options("model")
    assert "vae" in configs.options("model")
