# Every target works on a bare machine with Python 3.11+, git and make; the first one builds .venv.

SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13 3,$(shell command -v python$(v) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow soak lint docs format bench bench-own nightly calibrate lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11 or newer" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; v=sys.version_info; sys.exit(0 if v>=(3,11) else "found Python %d.%d, expected 3.11 or newer: make PYTHON=/path/to/python3.11" % v[:2])'
	@echo "building $(VENV) (once; one to four minutes)" >&2
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	-@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q autarch ci agents live $(VENV)/lib
	@touch $(STAMP)

venv: $(STAMP)  ## build .venv from requirements.lock

demo: $(STAMP)  ## the whole path on a synthetic market: pull request, verdict, merge, tag, paper fills, why
	$(BIN)/autarch demo

test: $(STAMP)  ## all tests but the slow ones
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not soak"

test-slow: $(STAMP)  ## whole-system tests: kills, simulation, browser
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m slow

soak: $(STAMP)  ## simulated lives by the thousand, deaths at every wait, planted faults: hours
	$(BIN)/python -m pytest -q -m soak tests/simulation tests/live
	$(BIN)/python -m tests.simulation --seeds 20000 --jobs 2

lint: $(STAMP)  ## ruff, mypy, import-linter, the workflows' linters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --no-progress --quiet --persona=pedantic .github
	$(BIN)/actionlint
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

docs: $(STAMP)  ## the manual as pages, in .site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

format: $(STAMP)  ## let ruff format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## Autarch beside its peers in one run (builds .venv-bench once)
	$(BIN)/python -m benchmarks peers --date "$$(date +%F)" --write docs/benchmarks.md

bench-own: $(STAMP)  ## the other benchmarks, our own figures alone
	$(BIN)/python -m benchmarks

nightly: $(STAMP)  ## what takes too long for every change: the referee over all real bars of AUTARCH_REAL_DATA
	$(BIN)/python -m benchmarks referee

calibrate: $(STAMP)  ## false promotions, power and adversaries, on real bars of AUTARCH_REAL_DATA with known truth
	$(BIN)/python -m benchmarks calibration --write docs/statistics.md

lock: $(STAMP)  ## renew requirements.lock (needs uv)
	uv pip compile --quiet --universal --no-strip-extras --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --extra agents --extra cluster --group dev pyproject.toml -o requirements.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) .venv-bench .autarch-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
