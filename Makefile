# Everything a newcomer types. `make demo` and `make test` create the environment themselves.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.13 python3.12; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EMULATOR := .venv-emulator/.ready
SPACE := $(subst ,, )
LOCAL := $(or $(LINKAGE_LOCAL_DIR),.local)
PREPARED := $(subst $(SPACE),\$(SPACE),$(LOCAL))/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Installers keep caches in the home folder. Without one that can be written, they get one.
ifeq ($(shell test -n "$$HOME" && test -w "$$HOME" && echo yes),)
export HOME := $(if $(filter /%,$(LOCAL)),,$(CURDIR)/)$(LOCAL)/home
endif

# uv and npm trust whom the system trusts, as pip does: a company's proxy signs with an authority of its own.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),)
export UV_SYSTEM_CERTS ?= 1
endif
export NODE_USE_SYSTEM_CA ?= 1

.PHONY: preflight help setup demo test lambda prove check format synth bench docs pictures clean lock

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# What this machine lacks is said before anything takes long.
preflight:
	@if $(BIN)/python -c '' 2>/dev/null; then $(BIN)/python -m local.preflight; \
	elif command -v $(PYTHON) >/dev/null; then $(PYTHON) -m local.preflight; \
	else echo "Python 3.11 or newer is needed, and there is no $(PYTHON): make $(or $(MAKECMDGOALS),demo) PYTHON=..." >&2; exit 1; fi

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml | preflight
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# The emulator pins botocore exactly, so it lives in an environment of its own.
$(EMULATOR): requirements/emulator.txt $(READY)
	test -x .venv-emulator/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-emulator
	VIRTUAL_ENV=.venv-emulator $(BIN)/uv pip sync --quiet --require-hashes requirements/emulator.txt
	touch $@

# The CDK CLI and the functions' packages: after this a deployment to the local cloud fetches nothing.
$(PREPARED): $(wildcard requirements/*.txt) infra/cdk/bundles.py infra/cdk/zips.py local/deploy.py | $(READY)
	mkdir -p "$(LOCAL)"
	$(BIN)/python -m local.prepare
	touch "$(LOCAL)/.ready"

setup: $(READY) $(EMULATOR) $(PREPARED) ## Create the environments

demo: setup ## Deploy to a local cloud, replay a market, link every trade (CANDLES=dir, EXCHANGE=name, KEEP=1)
	@$(BIN)/python -m demo $(if $(CANDLES),--candles $(CANDLES)) $(if $(EXCHANGE),--exchange $(EXCHANGE)) $(if $(KEEP),--keep)

# A file's tests stay on one worker, so that what they share is set up once; each worker has a PostgreSQL.
test: setup ## Run every test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lambda: setup ## Run the unit tests on the Python of AWS Lambda, where it is installed
	$(BIN)/python -m tests.on_lambda_python

prove: setup ## Try every promise at its full size; takes up to 40 minutes
	$(BIN)/python -m tests.proofs.prove

check: setup ## Lint, formatting, types and layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

synth: setup ## Synthesise every stage, without account or network
	$(BIN)/python -m infra.cdk.synth

bench: setup ## Run the benchmarks (BENCH=name for one); results in out/bench
	$(BIN)/python -m bench $(BENCH)

pictures: setup ## Draw docs/pictures anew from the mail of the last `make demo`; needs a Chromium
	$(BIN)/python -m tests.pictures

docs: setup ## Write docs/cli.md and the tables of docs/strategy.md anew
	$(BIN)/python -m cli.reference
	$(BIN)/python -m tests.docs.strategy_page

lock: $(READY) ## Rewrite requirements/ from pyproject.toml
	requirements/lock.sh --upgrade-package linkage

clean: ## Stop the local cloud and remove everything that was generated
	@if [ -x $(BIN)/linkage ]; then $(BIN)/linkage local down --quiet || true; fi
	rm -rf $(VENV) .venv-emulator .venv-lambda .local out cdk.out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
