# make demo   trains three ways on generated road scenes and writes demo/index.html
# make test   ruff, types, the order of the floors, and the tests
# make slow   tests that take minutes: several processes, kills, long runs, hundreds of random cases each, benchmarks
# make audit  known faults of the versions in constraints.txt: a report, which fails only where nothing could be compared
PYTHON ?= python3
BIN := .venv/bin

.PHONY: audit demo test slow lint

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
	$(BIN)/pytest -n 2 -m "not slow"

slow: .venv/installed
	$(BIN)/pytest -n 2 -m slow

# In an environment of its own, so that it brings nothing into the one that is tested.
.venv/audit/bin/pip-audit:
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/pip install --quiet 'pip-audit>=2.7'

audit: .venv/audit/bin/pip-audit
	@.venv/audit/bin/python .github/known_faults.py constraints.txt
