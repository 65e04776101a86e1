"""Provenance of a run, so that later differences can be traced."""

import contextlib
import functools
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import adbench
from adbench.config.plugins import described, used_by
from adbench.results.code import CODE, PLUGINS, Code, code_at_hand

PACKAGES = ("torch", "pytorch-lightning", "numpy", "scipy", "scikit-learn", "hydra-core", "pyarrow", "safetensors")


def describe(config: dict[str, Any], fingerprints: dict[str, str], code: Code | None = None) -> dict[str, Any]:
    """Versions, commit, code, device and data fingerprints, in plain JSON types. code: if already computed."""
    trainer = config["trainer"]
    return {
        "adbench": adbench.__version__,
        "git_commit": _git_commit(),
        CODE: code or code_at_hand(config),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": cpu(),
        "threads": trainer["threads"],
        **({PLUGINS: plugins} if (plugins := {one.name: described(one) for one in used_by(config["choices"])}) else {}),
        "device": f"{trainer['accelerator']} x {trainer['devices']}",
        "data_sha256": fingerprints,
        "start": now(),
    }


def made_with(environments: Iterable[dict[str, Any]]) -> str:
    """The provenance of some runs in one line: commit, code, versions, processor and threads; "unknown" if missing.

    code: the first digits of a digest over all their codes.
    """
    environments = list(environments)
    codes = sorted({json.dumps(found, sort_keys=True) for one in environments if (found := one.get(CODE))})
    digest = hashlib.sha256("\n".join(codes).encode()).hexdigest()[:12] if codes else ""
    packages = [packages if isinstance(packages := one.get("packages"), dict) else {} for one in environments]
    told = [
        f"commit {_several(one.get('git_commit') for one in environments)}",
        f"code {digest or UNKNOWN}",
        *(f"{name} {_several(of.get(name) for of in packages)}" for name in ("torch", "numpy", "scikit-learn")),
        f"on {_several(one.get('cpu') for one in environments)}",
        f"trainer.threads={_several(one.get('threads') for one in environments)}",
    ]
    if all(one.get(CODE) for one in environments):
        return ", ".join(told)
    return ", ".join([*told, "some by code that was not recorded"])


UNKNOWN = "unknown"
_MOST = 3


def _several(values: Iterable[Any]) -> str:
    """The distinct values, shortened, as in "1 and 2 and others"."""
    found = sorted({str(value)[:80] for value in values if value is not None})
    return " and ".join([*found[:_MOST], *(["others"] if len(found) > _MOST else [])]) or UNKNOWN


@functools.cache
def cpu() -> str:
    """The processor as "NAME x CORES"; times are comparable only on the same one."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name} x {os.cpu_count()}"


@functools.cache
def source_digest(*parts: str) -> str:
    """sha256 of adbench's own source, or of these files and folders of it, which also distinguishes edited checkouts
    of one commit.
    """
    package = Path(adbench.__file__).resolve().parent
    found = [package / part for part in parts or (".",)]
    files = {file for path in found for file in ([path] if path.is_file() else path.rglob("*.py"))}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(package)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def now() -> str:
    """The current UTC time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@functools.cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache  # the running code is the imported one
def _git_commit() -> str | None:
    """The commit of the checkout adbench runs from, with "+changes" if edited; None for an installed package."""
    checkout = Path(adbench.__file__).resolve().parent.parent
    if not (checkout / ".git").exists():
        return None
    try:
        commit = _git(checkout, "rev-parse", "--short=12", "HEAD")
        changed = _git(checkout, "status", "--porcelain", "--", "adbench", "configs")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+changes" if changed else "")


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
