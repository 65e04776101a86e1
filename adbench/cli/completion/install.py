"""The completion scripts of each shell, and where they go."""

import os
from pathlib import Path

from adbench.errors import ConfigError

SHELLS = ("bash", "zsh", "fish")


def shell_of(name: str | None) -> str:
    """The shell that is named, else the user's own. Raises ConfigError for one that has no script."""
    found = name or Path(os.environ.get("SHELL", "")).name
    if found not in SHELLS:
        got = f"got {found}" if found else "got none from the variable SHELL"
        raise ConfigError(f"expected one of the shells {', '.join(SHELLS)}, {got}; write --install-completion bash")
    return found


def script(shell: str) -> str:
    """The script that a shell reads to complete `adbench`."""
    return Path(__file__).with_name(f"adbench.{shell}").read_text(encoding="utf-8")


def install(shell: str) -> list[str]:
    """Write the script below the home folder, and a line into the shell's startup file where it needs one.

    Returns what was done, in sentences. Raises ConfigError where a file cannot be written.
    """
    home = Path.home()
    if shell == "fish":
        target, startup = _folder("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / "adbench.fish", None
    else:
        target = _folder("XDG_DATA_HOME", ".local/share") / "adbench" / f"completion.{shell}"
        startup = (Path(os.environ.get("ZDOTDIR") or home) if shell == "zsh" else home) / f".{shell}rc"
    line = f'[ -f "{target}" ] && source "{target}"  # completion of adbench'
    done = [f"wrote {target}"]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script(shell), encoding="utf-8")
        if startup is not None and line not in _text(startup):
            with startup.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}\n")
            done.append(f"added a line to {startup}")
    except OSError as error:
        raise ConfigError(
            f"expected to write {error.filename or target}, got {error.strerror}; adbench --show-completion {shell}"
            " prints the script, to be read by your shell's startup file"
        ) from None
    return [*done, f"it works in a new terminal; here and now: source {target}"]


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
