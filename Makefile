# `make run` and `make test` are all that a fresh machine with Python and a C compiler needs: both set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := setup.py $(shell find src -name '*.p[yx][xdi]' -o -name '*.h')
WORKFLOWS := $(wildcard .github/workflows/*.yml)

.PHONY: help run bench test test-builds test-pythons test-checked test-asan lint format clean

help:  ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## +/\1\t/' | expand -t 16

run: .venv/built  ## train a classifier with wengert and with its peers, and compare
	$(BIN)/wengert bench --output benchmarks/results

bench: .venv/peers .venv/built  ## measure wengert beside JAX, PyTorch, CasADi, autograd, micrograd, NumPy and C
	$(BIN)/python -m wengert.benchmarks.peers_bench --output benchmarks/results

test: .venv/built  ## the whole suite
	$(BIN)/python -m pytest

test-builds: .venv/built  ## the suite in every SIMD build that this processor runs
	for build in $$($(BIN)/python -c 'from wengert._core import builds; print(*builds.available_builds())'); do \
	    echo "WENGERT_BUILD=$$build"; \
	    WENGERT_BUILD=$$build $(BIN)/python -m pytest -m 'not repository' || exit 1; \
	done

test-pythons: .venv/built  ## the suite on the wheel of every CPython from 3.11 on this machine
	$(BIN)/python tools/every_python.py

test-checked: build/debug/venv/installed  ## the suite with bounds and None checks
	build/debug/venv/bin/python -m pytest -m 'not repository'

# CPython never frees some of its memory and carves the rest from arenas: leaks are not ours, and malloc must be seen.
test-asan: build/asan/venv/installed  ## the suite under AddressSanitizer and UndefinedBehaviorSanitizer
	LD_PRELOAD="$$($${CC:-gcc} -print-file-name=libasan.so) $$($${CC:-gcc} -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	    build/asan/venv/bin/python -m pytest -m 'not repository'

lint: .venv/built  ## everything that can be said without running the code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PATH="$(BIN):$$PATH" cython-lint src
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml --allowlist tools/stubtest_allowlist.txt wengert
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet --persona pedantic .github

format: .venv/built  ## let ruff repair what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove everything that was built
	rm -rf .venv build dist src/*.egg-info src/wengert/_core/*.so .*_cache .hypothesis .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +

# ---- set-up ----

BUILD_REQUIRES := import tomllib; \
    print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")

# Editable, so that Python files need no reinstallation; without isolation, so that a rebuild needs no network.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -c '$(BUILD_REQUIRES)' | $(BIN)/python -m pip install --quiet -r /dev/stdin
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[lint,run,test]'
	touch $@

.venv/peers: .venv/installed
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[bench]'
	touch $@

.venv/built: .venv/installed $(SOURCES)
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

# The other modes are installed, not editable: in the source tree they would replace the release build.
build/%/venv/installed: pyproject.toml $(SOURCES) $(shell find src benchmarks -name '*.py')
	$(PYTHON) -m venv build/$*/venv
	WENGERT_MODE=$* build/$*/venv/bin/python -m pip install --quiet '.[test]'
	touch $@
