"""What a run was made with, so that a later difference can be traced."""

import contextlib
import functools
import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import adbench

PACKAGES = ("torch", "pytorch-lightning", "numpy", "scikit-learn", "hydra-core", "pyarrow", "safetensors")


def describe(config: dict[str, Any], fingerprints: dict[str, str]) -> dict[str, Any]:
    """Versions, commit, device and data fingerprints, as plain JSON types."""
    trainer = config["trainer"]
    return {
        "adbench": adbench.__version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": cpu(),
        "device": f"{trainer['accelerator']} x {trainer['devices']}",
        "data_sha256": fingerprints,
        "start": now(),
    }


@functools.cache
def cpu() -> str:
    """The processor, by which times compare or do not: "NAME x CORES"."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name} x {os.cpu_count()}"


@functools.cache
def source_digest(*parts: str) -> str:
    """sha256 of adbench's own source, or of these files and folders of it; the commit does not tell one edited
    checkout from another.
    """
    package = Path(adbench.__file__).resolve().parent
    found = [package / part for part in parts or (".",)]
    files = {file for path in found for file in ([path] if path.is_file() else path.rglob("*.py"))}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(package)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@functools.cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache  # the code that runs is the one that was imported
def _git_commit() -> str | None:
    """The commit of the checkout adbench runs from, "+changes" when it was edited; None for an installed package."""
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
