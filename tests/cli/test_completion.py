"""The tab key, in real shells on a pseudo-terminal; and what is answered, by the function."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from adbench.cli.completion import answer, install
from adbench.config.compose import SWEEP, compose, groups

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
        self.log = folder / "log"
        (folder / "bin").mkdir()
        command = folder / "bin" / "adbench"
        command.write_text(COMMAND.format(python=sys.executable, log=str(self.log)))
        command.chmod(0o755)
        script = folder / f"completion.{name}"
        script.write_text(install.script(name))
        words, settings = START[name]
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        path = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "$ ", "COLUMNS": "300"}
        root = str(Path(answer.__file__).parents[3])
        self.rest = ""  # written after what was waited for
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(words[0], words, os.environ | home | path | {"PYTHONPATH": root})
        for line in [*settings, f"source {script}"]:
            os.write(self.terminal, f"{line}\n".encode())
        os.write(self.terminal, b"echo rea''dy\n")
        self.until("ready")

    def until(self, text: str) -> str:
        """What is written until a text appears."""
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
        assert got.rstrip() == line.rstrip(), typed
    _, listed = any_shell.tab("adbench train model=")
    assert {name in " ".join(listed) for name in groups()["model"]} == {True}
    for seconds, modules in any_shell.answers():
        assert not HEAVY & {*modules}
        assert "yaml" in modules or "typer" in modules
    seconds = sorted(seconds for seconds, _ in any_shell.answers())
    with capsys.disabled():
        print(f"\ncompletion: median {seconds[len(seconds) // 2]:.2f} s, slowest {seconds[-1]:.2f} s")
    assert seconds[len(seconds) // 2] < 0.5
