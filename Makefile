# Everything goes through `setup`, which builds .venv with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup train test test-slow lint format leaderboard variance published defaults thresholds executors intervals gate check bench bench-gpu clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "adbench needs Python 3.11 or later; name one with make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

train: setup  ## the main job: a variational autoencoder on NSL-KDD
	$(BIN)/adbench train model=vae data=nslkdd

test: setup  ## all tests but the slow ones
	$(BIN)/python -m pytest -n 2

test-slow: setup  ## the slow ones
	$(BIN)/python -m pytest -n 2 -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

leaderboard: setup  ## every model on three datasets, seeds 0-4: the README's table and what is in docs/
	$(BIN)/adbench sweep benchmark=leaderboard runs_dir=runs/leaderboard
	$(BIN)/adbench sweep benchmark=without_ttl runs_dir=runs/without_ttl
	$(BIN)/python scripts/leaderboard.py
	$(BIN)/adbench report runs/leaderboard -o docs/leaderboard.html
	$(BIN)/python scripts/screenshots.py docs/leaderboard.html

variance: setup  ## how much of the spread over seeds the split, the weights and the order of rows bring
	$(BIN)/adbench sweep benchmark=variance runs_dir=runs/variance
	$(BIN)/adbench summarize runs/variance

published: setup  ## the protocols of DAGMM and GOAD beside the published figures
	$(BIN)/python scripts/published.py

defaults: setup  ## how the defaults were chosen, on the training files alone
	$(BIN)/python scripts/choose_defaults.py

thresholds: setup  ## whether the threshold rules keep their promise, on the training file alone
	$(BIN)/python scripts/check_thresholds.py

executors: setup  ## whether every executor gives the same table
	$(BIN)/python scripts/check_executors.py

intervals: setup  ## whether the intervals cover the truth as often as they say, by simulation
	$(BIN)/python scripts/check_intervals.py

gate: setup  ## false alarms and power of `adbench check`, by simulation
	$(BIN)/python scripts/check_gate.py

check: setup  ## the project's own regression gate: a small benchmark against its baseline
	$(BIN)/adbench sweep benchmark=regression runs_dir=runs/regression
	$(BIN)/adbench check --baseline benchmarks/nslkdd.json --tolerance 0.02 runs/regression || [ $$? -eq 3 ]  # 3: cannot tell

# PyOD and what it brings is for comparisons alone.
.venv/.bench: .venv/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

bench: .venv/.bench  ## every speed figure of the README, and the pictures docs/speed-*.png
	$(BIN)/python scripts/bench_training.py
	$(BIN)/python scripts/bench_fused.py
	$(BIN)/python scripts/bench_compile.py
	$(BIN)/python scripts/bench_sweep.py
	$(BIN)/python scripts/bench_loading.py
	$(BIN)/python scripts/bench_memory.py
	$(BIN)/python scripts/bench_streaming.py
	$(BIN)/python scripts/bench_metrics.py
	$(BIN)/python scripts/bench_startup.py
	$(BIN)/python scripts/bench_summary.py
	$(BIN)/python scripts/bench_report.py
	$(BIN)/python scripts/bench_scaling.py

bench-gpu: setup  ## rows a second on this machine's CUDA device; exit code 2 without one
	@$(BIN)/python scripts/bench_gpu.py

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
