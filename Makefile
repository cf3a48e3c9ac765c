# Everything runs from here, on a machine that has Python 3.11 or newer, make, and nothing else.
PYTHON ?= python3
DEV := build/venvs/dev/bin
SAM := build/venvs/sam/bin/sam
export SAM_CLI_TELEMETRY := 0
# Where bytecode may not be kept, every start of every tool is a slow one.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test simulate mutants crash-test fuzz soak bench check sandbox sandbox-down docs deploy lock clean tools-dev tools-sam tools-all python

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools-all  ## show the bundle at work, against a stand-in for Stripe and a local AWS
	@PYTHONPATH=layers $(DEV)/python -m dev.sandbox.demo

test: tools-all  ## run all tests
	@$(DEV)/pytest -n 2 -q

SEEDS ?= 2000
FROM ?= 0
simulate: tools-dev  ## run many seeded schedules of the real flows under every fault: SEEDS=20000 FROM=0
	@PYTHONPATH=layers:. $(DEV)/python -m tests.simulation $(SEEDS) $(FROM)

crash-test: tools-dev  ## kill the worker at every step of a story, and at every pair of steps
	@PYTHONPATH=layers:. $(DEV)/python -m tests.simulation.crashes

fuzz: tools-dev  ## fuzz ingest with hostile requests: by hand, 100,000 generated, and valid ones
	@PYTHONPATH=layers:. $(DEV)/python -m tests.fuzz

SECONDS ?= 300
RATE ?= 20
soak: tools-all  ## minutes of changes, faults and kills in a sandbox: equal at the end? SECONDS=300 RATE=20
	@PYTHONPATH=layers $(DEV)/python -m dev.sandbox.soak --seconds $(SECONDS) --rate $(RATE)

OBJECTS ?= 1000000
bench: tools-all  ## measure reconcile: requests, memory, drift, filling and fairness: OBJECTS=1000000
	@PYTHONPATH=layers:. $(DEV)/python -m dev.benchmarks --objects $(OBJECTS)

mutants: tools-dev  ## plant mutants of the code, and show which ones the simulation catches
	@PYTHONPATH=layers:. $(DEV)/python -m tests.simulation.mutants

check: tools-dev  ## look for faults without running anything: format, lint, types, templates
	@$(DEV)/ruff format --check --quiet .
	@$(DEV)/ruff check --quiet .
	@$(DEV)/mypy
	@$(DEV)/cfn-lint template.yaml ops/template.yaml
	@echo "Format, lint, types and templates are in order."

sandbox: tools-all  ## start a local AWS with the bundle in it, and leave it running
	@$(DEV)/python -m dev.sandbox up

sandbox-down:  ## end what `make sandbox` started
	@if [ -d .sandbox ]; then $(DEV)/python -m dev.sandbox down; else echo "No sandbox is running."; fi

docs: tools-dev  ## write the parts of the documentation that are made from code
	@PYTHONPATH=layers $(DEV)/python docs/types_table.py

deploy: tools-sam  ## build the bundle and deploy it to your AWS account
	@PYTHON="$(CURDIR)/build/venvs/sam/bin/python" $(SAM) build
	@$(SAM) deploy --guided

# Dependencies of the functions first: what tests run on is locked to the same versions.
UV_COMPILE = build/venvs/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: build/venvs/uv/bin/uv  ## lock the newest versions that the requirements allow
	@$(UV_COMPILE) --upgrade layers/dependencies/requirements.in -o layers/dependencies/requirements.txt
	@$(UV_COMPILE) --upgrade -c layers/dependencies/requirements.txt dev/requirements/dev.in -o dev/requirements/dev.txt
	@$(UV_COMPILE) --upgrade dev/requirements/ministack.in -o dev/requirements/ministack.txt
	@$(UV_COMPILE) --upgrade dev/requirements/sam.in -o dev/requirements/sam.txt

build/venvs/uv/bin/uv:
	@$(PYTHON) -m venv build/venvs/uv
	@build/venvs/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.8

clean:  ## remove everything that was made, installed programs too
	@if [ -d build/venvs/dev ]; then $(DEV)/python -m dev.sandbox down; fi
	@rm -rf build .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis

tools-dev tools-sam: tools-%: python
	@$(PYTHON) dev/sandbox/toolchain.py $*

tools-all: python
	@$(PYTHON) dev/sandbox/toolchain.py dev ministack sam

python:
	@command -v $(PYTHON) > /dev/null || { \
		echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name yours: make PYTHON=python3.12 ..." >&2; exit 1; }
