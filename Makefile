# From a clean clone with Python 3.11 or newer and nothing else. Every target can be interrupted and started again.
#   make up      a sandbox with the cell eu-west-1 deployed
#   make test    style, types, import rules and all tests
#   make demo    after make up: 10,000 payments through eu-west-1 while a bank hangs, the scorer and the relay are killed
#   make bench   ratios of speed and memory; quiet machine, about 20 minutes
#   make docs    the generated parts of docs/; tests say when they are old
#   make images  images to digests where a builder runs, else the digests that are declared
#   make lock    requirements.lock from pyproject.toml
#   make permissions   catalogue/permissions.yaml from the stacks and the provider
#   make clean   the sandbox and what tools have left in the checkout; built programs stay in ~/.cache/payment-cell

# The first of these that is new enough; `make PYTHON=...` names another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BOOTSTRAP = $(or $(PYTHON),python3) sandbox/engine/bootstrap.py
BIN = .venv/bin
SLOW = engine or kubernetes or dataplane

# Without byte code every program compiles the SDKs anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL = up
.PHONY: up demo test bench checks style types unit docs images lock permissions clean

up:
	@$(BOOTSTRAP)
	@$(BIN)/cell sandbox start
	@eval "$$($(BIN)/cell sandbox env)" && $(BIN)/cell up eu-west-1 --yes

DEMO = --payments 10000 --rate 15 --fault bank-hang:$(HANGING) --fault scorer-dead --fault relay-dead
HANGING = birch

demo:
	@eval "$$($(BIN)/cell sandbox env)" && $(BIN)/cell probe eu-west-1 $(DEMO) --report .sandbox/probe.html

# What needs no engine runs while the engine is fetched and compiled. Files in the order of conftest.py, the longest first:
# by themselves those with few tests, which are the longest, would come last, and leave a processor idle.
test:
	@$(BOOTSTRAP) $(MAKE) --no-print-directory -j2 checks
	@$(BIN)/python -m pytest -m "$(SLOW)" -n 3 --dist loadfile --no-loadscope-reorder

checks: style types unit

style:
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo

types:
	@$(BIN)/mypy

unit:
	@$(BIN)/python -m pytest -m "not (aws or $(SLOW))" -n 2

bench:
	@$(BOOTSTRAP)
	@$(BIN)/python -m bench

docs:
	@$(BOOTSTRAP)
	@$(BIN)/python -m sandbox.aws.preconditions.documentation > docs/preconditions.md
	@$(BIN)/cell config schema > docs/schema/stack.json
	@$(BIN)/python -m operations.audit.report.json_ > docs/schema/audit.json
	@$(BIN)/python -m operations.audit.report.periods > docs/schema/audit-period.json
	@PYTHONPATH=tests $(BIN)/python tests/unit/component_pictures.py
	@PYTHONPATH=tests $(BIN)/python tests/unit/gateway_page.py
	@PYTHONPATH=tests $(BIN)/python tests/unit/banks_page.py
	@PYTHONPATH=tests $(BIN)/python tests/unit/policies_page.py
	@PYTHONPATH=tests $(BIN)/python tests/unit/policy_matrix.py

images:
	@$(BOOTSTRAP)
	@$(BIN)/python -m operations.images

lock:
	@$(BOOTSTRAP)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --all-extras pyproject.toml --output-file requirements.lock

# After a stack declares a type it had not before, or the provider makes other calls for one.
permissions:
	@$(BIN)/python tests/permissions.py > .permissions && mv .permissions catalogue/permissions.yaml

clean:
	@if [ -d .sandbox ] && [ -x $(BIN)/cell ]; then $(BIN)/cell sandbox stop; fi
	@rm -rf .sandbox .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
