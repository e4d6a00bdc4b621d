# The project's commands. Each first creates .venv with the versions in constraints.txt if it is missing or out of date.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; \
	done)
BIN := .venv/bin
RUN := .venv/.run
DEV := .venv/.dev
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: sweep test ui lint types notebook clean

# Train thirty networks, track them in mlflow.db and write a report to outputs/analysis/.
sweep: $(RUN)
	$(BIN)/python train.py -m lr=0.01,0.1,1 seed=0..9
	$(BIN)/python scripts/analyze.py

test: $(DEV)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Serve MLflow's UI on this machine only, and print the address of the runs. make ui PORT=5001 for another port.
PORT ?= 5000
ui: $(RUN)
	@$(BIN)/python scripts/ui.py --port $(PORT)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

notebook: $(DEV)
	$(BIN)/python -m pytest -m notebook

# Remove the environment and the caches. Runs and reports stay.
clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What a run needs, and then what only development needs: linters, browsers' drivers, notebooks.
$(RUN): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "xorlab needs Python 3.11, 3.12 or 3.13; none was found" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

$(DEV): $(RUN)
	$(INSTALL) '.[dev]'
	touch $@
