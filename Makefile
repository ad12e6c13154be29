# run, desktop, test, lint, bench, audit: what a newcomer, CI and a contributor need, the same for all three.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run desktop test lint bench audit chromium clean

run: $(VENV)/.installed
	$(BIN)/python app.py

desktop: $(VENV)/.installed
	$(BIN)/python -m desktop

# Two processes, each with a file of tests at a time: much of a test is waiting for a process, or for a browser. One
# thread each, for threads that wait for one another are slower than none.
test: $(VENV)/.installed-dev chromium
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile $(TESTS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.loop $(PAPERS)

# In an environment of its own, since nothing of ours needs it.
audit:
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install -q pip-audit
	$(VENV)/audit/bin/pip-audit --strict -r requirements.txt

# The browser tests drive Debian's Chromium; where it is missing and we may install it, we do.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium; } \
	|| { echo "Chromium is missing and can't be installed from here. Install it (Debian: apt install chromium) for the browser tests; they are skipped now."; }

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-mcp.txt $(VENV)/.installed
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
