# make demo: set up, run the figures of Masquelier, Guyonneau & Thorpe (2008) at paper size for one seed
# make test: set up, run the tests (under ten minutes)
# make test-slow: further settings of the same, and what needs minutes
# make test-browser: install a Chromium if there is none, run the tests of the page in it
# make docs: the web site in site/, every link checked
# make test-slurm: install a SLURM of this host's own (Debian, as root), run the tests on it

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# matrices are small here: on busy cores the threads of OpenBLAS only wait for each other
export OPENBLAS_NUM_THREADS ?= 1
READY = $(VENV)/.ready

.PHONY: demo test test-slow test-browser test-slurm test-full slurm check docs benchmark clean

demo: $(READY)
	$(BIN)/brian2learn run masquelier2008 --seeds 0

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not full and not slurm and not browser"

test-slow: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile -m "slow and not full and not slurm and not browser"

test-browser: $(READY)
	$(BIN)/python tests/browser.py install
	$(BIN)/python -m pytest -s -m "browser and not full" $(wildcard tests/test_explore_*page.py)

# a SLURM of this run's own, which is stopped whatever happens
test-slurm: $(READY)
	$(PYTHON) tests/slurm/cluster.py install
	@folder=$$(mktemp -d) && export BRIAN2LEARN_SLURM=$$folder/slurm; \
	trap '$(PYTHON) tests/slurm/cluster.py stop; rm -rf "$$folder"' EXIT; trap 'exit 130' INT TERM; \
	$(BIN)/python -m pytest -m "slurm and not full"

test-full: $(READY) slurm
	$(BIN)/python tests/browser.py install
	$(BIN)/python -m pytest -n auto --dist loadfile -m "full or not full"

slurm:
	$(PYTHON) tests/slurm/cluster.py install start

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p brian2learn

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 PYTHONWARNINGS=ignore $(BIN)/mkdocs build --quiet

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

$(VENV)/.docs: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test,docs]"
	touch $@

clean:
	rm -rf $(VENV) results site
