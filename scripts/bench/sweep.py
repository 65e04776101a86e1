"""Cost of sweeps: per job beside its training, by number of workers, and of 500 jobs that are already finished.

Twelve equal jobs, the same rows and model with twelve learning rates, run by one local worker, two workers and one per
core, trained separately and up to eight as one network, interleaved, medians of three. The fixed cost of a separately
trained job is the time from the end of the previous job to its own, minus its training and the scoring of its
calibration and test rows; the first job, for which the worker starts and loads, is left out. The 500 jobs are composed
and found finished, in folders with the metrics of one real run.
"""

import json
import os
import sys
import tempfile
import time
from itertools import product
from statistics import median

from adbench.results.record import CONFIG, METRICS, Run
from adbench.runner.job import Job
from adbench.sweeps.plan import Rules, SweepReporter, plan
from adbench.sweeps.schedule import sweep

JOBS = ["data=nslkdd", f"model.learning_rate={','.join(f'{0.001 + i / 100_000:.5f}' for i in range(12))}"]
MANY = ["data=nslkdd,kddcup99", "model=ae,vae,gan,iforest,pca", "seed=range(50)"]
WORKERS = sorted({1, 2, os.cpu_count() or 1})
FUSE = (1, 8)
REPETITIONS = 3
OWN_SECONDS = ("fit_seconds", "calibrate_seconds", "score_seconds")


class Timing(SweepReporter):
    """Records when each job ended."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, Run]] = []

    def ended(self, job: Job, run: Run, ran: bool) -> None:
        self.ends.append((time.perf_counter(), run))


def run(model: str, workers: int, fuse: int, folder: str) -> tuple[float, Timing]:
    planned = plan([f"model={model}", *JOBS, f"executor.workers={workers}", f"fuse={fuse}", f"runs_dir={folder}"])
    timing, start = Timing(), time.perf_counter()
    for done in sweep(planned, Rules(), timing):
        if done.status != "done":
            sys.exit(f"{done.folder}: {done.error}")
    return time.perf_counter() - start, timing


def fixed_costs(timing: Timing) -> list[float]:
    between = zip(timing.ends, timing.ends[1:], strict=False)
    return [end - before - sum(run.metrics[key] for key in OWN_SECONDS) for (before, _), (end, run) in between]


def many(metrics: dict[str, float], folder: str) -> None:
    start = time.perf_counter()
    planned = plan([*MANY, f"runs_dir={folder}/many"])
    composed = time.perf_counter() - start
    for job in planned.sampler.jobs:
        job.path.mkdir(parents=True)
        (job.path / CONFIG).write_text("{}\n", encoding="ascii")
        (job.path / METRICS).write_text(json.dumps(metrics), encoding="ascii")
    start = time.perf_counter()
    runs = sweep(plan([*MANY, f"runs_dir={folder}/many"]), Rules(), SweepReporter())
    resumed = time.perf_counter() - start
    print(
        f"{len(runs)} jobs composed in {composed:.2f} s; found finished by the same sweep in {resumed:.2f} s, ", end=""
    )
    print(f"torch {'imported' if 'torch' in sys.modules else 'not imported'}", flush=True)


def main() -> None:
    print(__doc__.splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        for model in ("ae", "vae"):
            metrics = scaling(model, f"{folder}/{model}")
        many(metrics, folder)


def scaling(model: str, folder: str) -> dict[str, float]:
    """Print the scaling with workers and the cost per job; returns the metrics of one job."""
    seconds: dict[tuple[int, int], list[float]] = {case: [] for case in product(WORKERS, FUSE)}
    costs = []
    for repetition in range(REPETITIONS):
        for workers, fuse in seconds:
            taken, timing = run(model, workers, fuse, f"{folder}/{repetition}-{workers}-{fuse}")
            seconds[workers, fuse].append(taken)
            if (workers, fuse) == (1, 1):
                costs += fixed_costs(timing)
    for (workers, fuse), of_case in seconds.items():
        ratio = median(seconds[1, 1]) / median(of_case)
        how = f"{workers} worker(s), {f'up to {fuse} as one' if fuse > 1 else 'each alone':14}"
        print(f"{model}: 12 jobs, {how} {median(of_case):6.1f} s, {ratio:.2f} times as fast as 1 worker, each alone")
    print(
        f"{model}: fixed cost of a job in a warm worker {median(costs):.2f} s, at most {max(costs):.2f} s", flush=True
    )
    return timing.ends[-1][1].metrics


if __name__ == "__main__":
    main()
