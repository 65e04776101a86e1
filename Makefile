# Everything goes through `setup`, which builds .venv with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
SPELLED := README.md CONTRIBUTING.md CHANGELOG.md data/README.md Makefile adbench configs docs scripts tests

.PHONY: setup train test test-slow test-search test-gpu lint docs format leaderboard variance published defaults thresholds executors intervals gate check baseline tables related sensitivity bench bench-gpu clean

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

test-search: setup  ## the tests of properties, on examples that no run before has seen
	HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest -n 2 -m hypothesis

test-gpu: setup  ## those that need a CUDA device
	$(BIN)/python -m pytest -m gpu

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell $(SPELLED)

# Not with --quiet: what is not printed does not count, and a broken link would pass.
docs: setup  ## the pages as a site in site/, with a reference; fails for a broken link or anchor
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

leaderboard: setup  ## every model on three datasets, seeds 0-4: the README's table and what is in docs/results/
	$(BIN)/adbench sweep benchmark=leaderboard runs_dir=runs/leaderboard
	$(BIN)/adbench sweep benchmark=without_ttl runs_dir=runs/without_ttl
	$(BIN)/python scripts/docs/leaderboard.py
	$(BIN)/adbench report runs/leaderboard -o docs/results/leaderboard.html
	$(BIN)/python scripts/docs/screenshots.py docs/results/leaderboard.html

variance: setup  ## how much of the spread over seeds the split, the weights and the order of rows bring
	$(BIN)/adbench sweep benchmark=variance runs_dir=runs/variance
	$(BIN)/adbench summarize runs/variance

published: setup  ## the protocols of DAGMM and GOAD beside the published figures
	$(BIN)/python scripts/validate/published.py

defaults: setup  ## how the defaults were chosen, on the training files alone
	$(BIN)/python scripts/choose_defaults.py

thresholds: setup  ## whether the threshold rules keep their promise, on the training file alone
	$(BIN)/python scripts/validate/thresholds.py

executors: setup  ## whether every executor gives the same table
	$(BIN)/python scripts/validate/executors.py

intervals: setup  ## whether the intervals cover the truth as often as they say, by simulation
	$(BIN)/python scripts/validate/intervals.py
	$(BIN)/python scripts/validate/shift.py

gate: setup  ## false alarms and power of `adbench check`, by simulation
	$(BIN)/python scripts/validate/gate.py

check: setup  ## the project's own regression gate: a small benchmark against its baseline
	$(BIN)/adbench sweep benchmark=regression runs_dir=runs/regression  # what other code made is run again
	$(BIN)/adbench check --baseline baselines/nslkdd.json --tolerance 0.02 runs/regression || [ $$? -eq 3 ]  # 3: cannot tell

baseline: setup  ## that baseline anew, in the commit of a change that is wanted
	rm -rf runs/regression
	$(BIN)/adbench sweep benchmark=regression runs_dir=runs/regression
	$(BIN)/adbench check --baseline baselines/nslkdd.json --update runs/regression

tables: setup  ## what the first command says of ten public tables; ADBENCH47=FOLDER names where ADBench's .npz lie
	$(BIN)/python scripts/docs/everyones_tables.py $(if $(ADBENCH47),--folder '$(ADBENCH47)')

related: setup  ## every model on 28 tables of many fields; those whose files are not here are left out, with a word
	$(BIN)/adbench sweep benchmark=tables runs_dir=runs/tables
	$(BIN)/adbench summarize runs/tables

sensitivity: setup  ## best, median and worst over a small grid of each model's settings: docs/results/sensitivity.md
	$(BIN)/python scripts/docs/sensitivity.py

# PyOD and what it brings is for comparisons alone.
.venv/.bench: .venv/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

bench: .venv/.bench  ## every speed figure of docs/speed.md, and the pictures docs/results/speed-*.png
	$(BIN)/python scripts/bench/training.py
	$(BIN)/python scripts/bench/fused.py
	$(BIN)/python scripts/bench/compile.py
	$(BIN)/python scripts/bench/sweep.py
	$(BIN)/python scripts/bench/loading.py
	$(BIN)/python scripts/bench/memory.py
	$(BIN)/python scripts/bench/streaming.py
	$(BIN)/python scripts/bench/metrics.py
	$(BIN)/python scripts/bench/startup.py
	$(BIN)/python scripts/bench/summary.py
	$(BIN)/python scripts/bench/report.py
	$(BIN)/python scripts/bench/scaling.py

bench-gpu: setup  ## rows a second on this machine's CUDA device; exit code 2 without one
	@$(BIN)/python scripts/bench/gpu.py

clean:
	rm -rf .venv build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
