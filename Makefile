# Footnote: two commands matter, `make run` and `make test`. Both do all their own set-up.
SHELL := /bin/bash
PYTHON ?= python3.11
PORT ?= 8000
DATA ?= .footnote
TESTERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# Tests have every write flushed to the disk; in a file system that lies in memory that takes no time.
MEMORY := $(shell [ "$$(df --output=avail -BG /dev/shm 2>/dev/null | tail -1 | tr -dc 0-9)" -ge 8 ] 2>/dev/null && echo /dev/shm)
STAMP := $(VENV)/.installed
PREPARED := $(VENV)/share/footnote/.prepared

.DEFAULT_GOAL := help
.PHONY: help setup run test check lock bench flywheel system engine engine-cpu quantizer lm-eval clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(PREPARED): $(STAMP)
	$(BIN)/python -m retrieval.prepare
	@mkdir -p $(@D) && touch $@

setup: $(STAMP) $(PREPARED) ## the environment in .venv and the embedder's optimised model file

system: ## the Debian packages that scanned pages and the tests need
	@deploy/system-packages.sh

run: setup ## start the server on 127.0.0.1:PORT, fill an empty knowledge base, ask one question
	@FOOTNOTE_DATA_DIR="$(DATA)" FOOTNOTE_LOG_LEVEL="$${FOOTNOTE_LOG_LEVEL:-warning}" exec $(BIN)/footnote serve --port $(PORT) --examples examples/handbook

check: setup ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

engine: ## vLLM's CPU build in .venv-engine, which the tests need
	@deploy/engine-cpu.sh

engine-cpu: setup engine ## serve a model with it: make engine-cpu MODEL=path/to/model
	@[ -n "$(MODEL)" ] || { echo "Name a model: make engine-cpu MODEL=path/to/model"; exit 1; }
	@FOOTNOTE_SERVING__ENGINE__MODEL="$(MODEL)" exec $(BIN)/footnote engine

quantizer: setup ## llm-compressor in .venv-quantizer, which makes models smaller
	@deploy/beside.sh quantizer torch,llmcompressor

lm-eval: setup ## lm-evaluation-harness in .venv-lm-eval, for gates whose rules name its tasks
	@deploy/beside.sh lm-eval torch,transformers,lm_eval.models.openai_completions

flywheel: ## one turn of the wheel on a real engine: feedback, training, gate, rollout (a quarter of an hour)
	@$(MAKE) --no-print-directory --jobs=2 setup engine
	$(BIN)/python -m bench.flywheel $(FLYWHEEL)

test: system ## everything that proves it works
	@$(MAKE) --no-print-directory --jobs=2 engine check quantizer lm-eval
	@# A file's tests run in one process, for what they share; files in their order, so that short ones come last.
	PYTEST_DEBUG_TEMPROOT="$(MEMORY)" $(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

bench: setup ## the measured figures, into bench/results/
	$(BIN)/python -m bench

lock: | $(BIN)/python ## pin every dependency again
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --extra dev --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --no-annotate --output-file requirements.lock pyproject.toml
	sed -i 's/+cpu$$//; /^#/d' requirements.lock  # any build of the pinned torch will do

clean: ## remove the environment and caches, not the data
	rm -rf $(VENV) .venv-engine .venv-quantizer .venv-lm-eval .mypy_cache .ruff_cache .pytest_cache *.egg-info
