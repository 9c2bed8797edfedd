# make demo   trains twice on generated road scenes and writes demo/index.html
# make test   ruff, types, the order of the floors, and all tests
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint

# The stamp is newer than what it was installed from, so that an install happens once and after every change.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hardpix needs Python 3.11 or newer, found " + sys.version)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/installed
	$(BIN)/hardpix demo --out demo

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2
