# Everything runs in .venv, made by the Python named here (3.11 or newer).
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
# Tests and documents start capplan hundreds of times, each of which would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE
DOCUMENTS := README.md $(wildcard docs/*.md docs/how-to/*.md examples/*/README.md)

.PHONY: demo test code documents check lowest newest lock docs screenshots site bench clean

demo: $(VENV)/installed
	$(BIN)/capplan estimate examples/afpi

test: $(VENV)/dev
	$(MAKE) --jobs 2 code documents
	$(BIN)/pytest -q -rs -n auto --durations=20

code: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# That what the documents show is what the commands print.
documents: $(VENV)/dev
	$(BIN)/python -m cogapp --check -P -I docs $(DOCUMENTS)
	$(BIN)/capplan schema | cmp - docs/plan.schema.json
	$(BIN)/python docs/manual.py | cmp - docs/capplan.1
	$(BIN)/python docs/shown.py | cmp - docs/estimate.svg

# The inner loop: lint, types, and the tests of what changed since main.
check: code
	$(BIN)/python tests/changed.py | xargs -r $(BIN)/pytest -q -n auto

# The examples with the lowest versions that pyproject.toml allows (`llm` needs a newer pydantic than the rest),
# and with the newest of everything.
lowest: VERSIONS := --resolution lowest-direct --editable '.[fast,report,tf,validate]'
newest: VERSIONS := --upgrade --editable '.[fast,llm,report,tf,validate]'
lowest newest: $(VENV)/dev
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/$@
	$(BIN)/uv pip install --quiet --python $(VENV)/$@ $(VERSIONS)
	$(BIN)/uv pip install --quiet --python $(VENV)/$@ pytest
	$(BIN)/uv pip freeze --quiet --python $(VENV)/$@ --exclude-editable | paste -sd ' '
	$(VENV)/$@/bin/python -m pytest -q tests/smoke -W default

# Moves every locked version to the newest that pyproject.toml allows; UPGRADE= keeps what still fits.
UPGRADE := --upgrade
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command 'make lock'

lock: $(VENV)/dev
	$(COMPILE) $(UPGRADE) pyproject.toml --extra dev -o requirements/dev.txt
	echo hatchling | $(COMPILE) $(UPGRADE) pyproject.toml - -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) $(UPGRADE) --group docs -c requirements/dev.txt -o requirements/docs.txt
	echo uv | $(COMPILE) $(UPGRADE) - -c requirements/dev.txt -o requirements/uv.txt

docs: $(VENV)/dev
	$(BIN)/python -m cogapp -r -P -I docs $(DOCUMENTS)
	$(BIN)/capplan schema -o docs/plan.schema.json --force
	$(BIN)/python docs/manual.py > docs/capplan.1
	$(BIN)/python docs/shown.py > docs/estimate.svg

# The pictures of pages in docs/report, with the chromium and chromedriver of the machine.
screenshots: $(VENV)/dev
	$(BIN)/python docs/screenshots.py

# The documentation as pages, built and read without a network.
site: $(VENV)/site
	$(BIN)/python docs/website.py site

bench: $(VENV)/installed
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/scenarios.py
	$(BIN)/python benchmarks/breakeven.py
	$(BIN)/python benchmarks/simulate.py
	$(BIN)/python benchmarks/render.py
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/page.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: $(VENV)/bin/python requirements/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	touch $@

$(VENV)/installed: $(BIN)/uv pyproject.toml requirements/run.txt
	$(call install,run)
	touch $@

$(VENV)/dev: $(BIN)/uv pyproject.toml requirements/dev.txt
	$(call install,dev)
	touch $@ $(VENV)/installed

$(VENV)/site: $(BIN)/uv requirements/docs.txt
	$(INSTALL) --require-hashes -r requirements/docs.txt
	touch $@

define install
	$(INSTALL) --require-hashes -r requirements/$(1).txt
	$(INSTALL) --no-deps --no-build-isolation -e .
endef

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
