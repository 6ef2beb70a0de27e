# Everything runs in .venv, made by the Python named here (3.11 or newer).
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DOCUMENTS := README.md $(wildcard docs/*.md docs/how-to/*.md examples/*/README.md)

.PHONY: demo test docs bench clean

demo: $(VENV)/installed
	$(BIN)/capplan estimate examples/afpi

test: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m cogapp --check -P -I docs $(DOCUMENTS)
	$(BIN)/capplan schema | cmp - docs/plan.schema.json
	$(BIN)/python docs/manual.py | cmp - docs/capplan.1
	$(BIN)/pytest -q -rs -n auto

docs: $(VENV)/dev
	$(BIN)/python -m cogapp -r -P -I docs $(DOCUMENTS)
	$(BIN)/capplan schema -o docs/plan.schema.json --force
	$(BIN)/python docs/manual.py > docs/capplan.1

bench: $(VENV)/installed
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/scenarios.py
	$(BIN)/python benchmarks/breakeven.py
	$(BIN)/python benchmarks/simulate.py
	$(BIN)/python benchmarks/render.py
	$(BIN)/python benchmarks/fleet.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
