# Every target works on a fresh machine: it builds .venv first, and needs nothing activated.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_USER := 0

PACKAGES := domain actors config adapters simulations
FAST := not slow and not bench
JOBS ?= 2
UV_VERSION := 0.13.8
NAUTILUS_VERSION := 2.0.0rc6

# A pyenv shim may exist and fail, so each candidate is tried, then pyenv's own folders.
PYENV := $(or $(PYENV_ROOT),$(HOME)/.pyenv)
PYTHON_311_UP := $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 /usr/bin/python3 \
	$(wildcard $(PYENV)/versions/3.1[1-4]*/bin/python)
PYTHON_312 := python3.12 /usr/bin/python3.12 $(wildcard $(PYENV)/versions/3.12*/bin/python)

# $(call create,folder,candidates,condition on sys.version_info,what is needed in words)
define create
	@for python in $(2); do \
		if "$$python" -c 'import ensurepip, sys, venv; v = sys.version_info; sys.exit(not ($(3)))' \
			>/dev/null 2>&1; then \
			echo "Creating $(1) with $$("$$python" --version)"; \
			"$$python" -m venv --clear $(1) && exit 0 || exit 1; \
		fi; \
	done; \
	echo "Keel needs $(4), with its venv module; none was found on PATH or in pyenv." >&2; \
	echo "Install one (Debian: apt install python3 python3-venv) or name it: make PYTHON=..." >&2; \
	exit 1
endef

.PHONY: help install run test check bench bench-peers watch coverage lock clean FORCE

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed  ## build .venv from the lock file (others do this by themselves)

# A copied folder holds a .venv whose scripts point to the old place: it is built again.
ifneq ($(shell .venv/bin/python -c '' 2>/dev/null && cat .venv/.installed 2>/dev/null),$(CURDIR))
.venv/bin/python .venv/.installed: FORCE
endif

.venv/bin/python:
	$(call create,.venv,$(PYTHON_311_UP),v >= (3$(COMMA) 11),Python 3.11 or newer)

COMMA := ,

.venv/.installed: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing the locked packages (about a minute)"
	@.venv/bin/python -m pip install -qq --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install -qq --no-deps --no-build-isolation -e .
	@.venv/bin/python -m pip check
	@echo '$(CURDIR)' > $@

run: install  ## run the paper-trading example: make run FOR=20s
	.venv/bin/keel run config/paper.toml $(if $(FOR),--for $(FOR))

test: install  ## run the whole test suite: make test ARGS='-k hedge'
	.venv/bin/python -m pytest -n $(JOBS) $(ARGS)

check: install  ## format, lint, types, layers and fast tests, in under a minute
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/python -m mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pytest -n $(JOBS) -m '$(FAST)'

bench: install  ## measure speed
	.venv/bin/python -m tests.bench $(ARGS)

bench-peers: .venv-peers/.installed  ## measure speed beside Nautilus Trader, in its own environment
	.venv-peers/bin/python -m tests.bench $(ARGS)

.venv-peers/.installed: requirements.lock
	$(call create,.venv-peers,$(PYTHON_312),v[:2] == (3$(COMMA) 12),Python 3.12)
	.venv-peers/bin/python -m pip install -qq 'nautilus_trader==$(NAUTILUS_VERSION)' \
		$$(sed -nE 's/^((msgspec|pykka)==[^ ]+).*/\1/p' requirements.lock)
	.venv-peers/bin/python -c 'import msgspec, nautilus_trader, pykka'
	@touch $@

watch: install  ## run the fast tests again at each change
	.venv/bin/watchfiles --filter python \
		".venv/bin/python -m pytest -q -x -m '$(FAST)'" $(PACKAGES) tests

coverage: install  ## show the lines and branches that no test runs
	.venv/bin/python -m pytest -n $(JOBS) $(PACKAGES:%=--cov=%) --cov-branch \
		--cov-report=term-missing:skip-covered $(ARGS)

lock: .venv/bin/python  ## resolve the dependencies again and write requirements.lock
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
	&& .venv/bin/python -m venv "$$folder" \
	&& "$$folder/bin/python" -m pip install -qq 'uv==$(UV_VERSION)' \
	&& "$$folder/bin/uv" pip compile pyproject.toml --extra dev --quiet --upgrade \
		--universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--no-emit-index-url --custom-compile-command 'make lock' --output-file requirements.lock

clean:  ## remove the environments, caches and build artefacts
	rm -rf .venv .venv-peers build dist *.egg-info htmlcov .coverage .coverage.* coverage.xml \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
