# Two commands do everything, set-up included: `make assess` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help assess test lint bench soak evaluate-selftest fuzz system constraints clean

help:
	@echo "make assess   assess the bundled example activity and say how to point it at your own"
	@echo "make test     the whole test suite, with lint and types"
	@echo "make bench    benchmarks: ours, the peer, a ratio"
	@echo "make fuzz     ten minutes of fuzzing of every reader"
	@echo "make soak     long kill and tamper runs"

$(VENV)/.base: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

assess: $(VENV)/.base
	@$(BIN)/roguewatch assess examples/activity --store out/store --out out/assessment
	@echo
	@echo "Open out/assessment/assessment.html in a browser."
	@echo "Your own activity:  $(BIN)/roguewatch assess            (this machine's agents)"
	@echo "                    $(BIN)/roguewatch assess PATH...    (files or folders of transcripts)"

# Packages that the tests use from the system: bubblewrap (containment) and chromium (pages).
system:
	@sh tools/system-packages.sh bubblewrap:bwrap chromium:chromium

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

test: system lint
	$(BIN)/pytest -n 2

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --minutes 10

# Every organism of every scenario on ten instances: recall and false positives of the scorers.
evaluate-selftest: system $(VENV)/.dev
	$(BIN)/python -m roguewatch.evaluate.selftest --limit 10

soak: $(VENV)/.dev
	$(BIN)/pytest -n 2 -m soak --override-ini 'addopts='

constraints:
	$(BIN)/python tools/constraints.py > constraints.txt

clean:
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis
