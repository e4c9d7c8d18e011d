# make demo: set up, run the figures of Masquelier, Guyonneau & Thorpe (2008) at paper size for one seed
# make test: set up, run the tests (under ten minutes)

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test test-full check benchmark clean

demo: $(READY)
	$(BIN)/brian2learn run masquelier2008 --seeds 0

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile

test-full: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile -m "full or not full"

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p brian2learn

benchmark: $(READY)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/plastic_network.py

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test]"
	touch $@

$(VENV)/.dev: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test,dev]"
	touch $@

clean:
	rm -rf $(VENV) results
