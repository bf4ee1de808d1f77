# Two commands of a fresh machine: `make demo` and `make test`. Each does its own set-up first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   ?= demo

.PHONY: help setup demo test lint types layers unit bench clean

help:
	@echo "make demo    simulate a flight, run it, compare with the truth"
	@echo "make test    lint, types, layers and every test"
	@echo "make bench   figures of DESIGN and speed, on seeds no test uses"

setup: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt .ci/system-libraries
	@sh .ci/system-libraries "$(PYTHON)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing the Python environment into $(VENV) (README says what it weighs) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt pip setuptools wheel
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[test]'
	@touch $@

demo: $(STAMP)
	$(BIN)/uav demo --workspace $(DEMO)

test: lint types layers unit

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/python -m pytest

bench: $(STAMP)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[bench]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) *.egg-info build .mypy_cache .ruff_cache .pytest_cache
