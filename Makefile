# Needs Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
DEV := build/venvs/dev/bin
SANDBOX := build/venvs/sandbox/bin
SAM := build/venvs/sam/bin/sam
export SAM_CLI_TELEMETRY := 0
# Without cached bytecode every tool starts slowly.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test simulate mutants crash-test fuzz soak bench check coverage sandbox sandbox-down cli docs deploy preview built package audit lock clean tools-audit tools-cli tools-dev tools-sam tools-docs tools-uv tools-sandbox tools-all python

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools-sandbox  ## run the bundle against a stand-in for Stripe and a local AWS
	@PYTHONPATH=layers $(SANDBOX)/python -m dev.sandbox.demo

# Three processes on two cores: one of them has the deployed bundle, and mostly waits for it.
test: tools-all  ## run all tests
	@$(DEV)/pytest -n 3 -q

SEEDS ?= 2000
FROM ?= 0
simulate: tools-dev  ## run the real flows in many seeded schedules under every fault: SEEDS=20000 FROM=0
	@PYTHONPATH=layers:. $(DEV)/python -m tests.simulation $(SEEDS) $(FROM)

crash-test: tools-dev  ## kill the worker at every step of a scenario, and at every pair of steps
	@PYTHONPATH=layers:. $(DEV)/python -m tests.simulation.crashes

fuzz: tools-dev  ## fuzz ingest with hand-written, 100,000 generated, and valid requests
	@PYTHONPATH=layers:. $(DEV)/python -m tests.fuzz

SECONDS ?= 300
RATE ?= 20
soak: tools-sandbox  ## run minutes of changes, faults and kills in a sandbox, then compare: SECONDS=300 RATE=20
	@PYTHONPATH=layers $(SANDBOX)/python -m dev.sandbox.soak --seconds $(SECONDS) --rate $(RATE)

OBJECTS ?= 100000
BACKLOG ?= 1000
ROUNDS ?= 1
ONLY ?=
bench: tools-all  ## measure events beside naive handlers, costs, and reconcile: OBJECTS=1000000 BACKLOG=20000 ROUNDS=3 ONLY="events backlog"
	@PYTHONPATH=layers:. $(DEV)/python -m dev.benchmarks --objects $(OBJECTS) --backlog $(BACKLOG) --rounds $(ROUNDS) $(ONLY)

mutants: tools-dev  ## run mutation tests: which mutants of the code does the simulation catch?
	@PYTHONPATH=layers:. $(DEV)/python -m tests.simulation.mutants

check: tools-dev  ## check format, lint, types and templates without running tests
	@$(DEV)/ruff format --check --quiet .
	@$(DEV)/ruff check --quiet .
	@$(DEV)/mypy
	@$(DEV)/cfn-lint template.yaml ops/template.yaml ops/schema.yaml ops/deployer.yaml examples/entitlement_gate/template.yaml
	@echo "Format, lint, types and templates: no problems found."

coverage: tools-dev  ## measure branch coverage of the fast tests, into build/coverage
	@$(DEV)/pytest -n 2 -q tests/unit tests/contract -k "not emulator" \
		--cov --cov-report=term --cov-report=html

STRIPE ?=
sandbox: tools-sandbox  ## start a local AWS with the deployed bundle, and leave it running; STRIPE=test: follow your test account
	@STRIPE=$(STRIPE) PYTHONPATH=layers $(SANDBOX)/python -m dev.sandbox up

sandbox-down:  ## stop the sandbox
	@if [ -d .sandbox ]; then PYTHONPATH=layers $(SANDBOX)/python -m dev.sandbox down; else echo "No sandbox is running."; fi

ARGS ?= --help
cli: tools-cli  ## run billing-mirror, the operator's command: ARGS="status --sandbox"
	@PYTHONPATH=layers:cli build/venvs/cli/bin/python -m billing_mirror_cli $(ARGS)

docs: tools-all tools-docs  ## write the generated parts of the documentation
	@PYTHONPATH=layers $(DEV)/python docs/types_table.py
	@PYTHONPATH=layers $(DEV)/python docs/event_types.py --write
	@PYTHONPATH=layers $(DEV)/python docs/key_permissions.py
	@PYTHONPATH=layers:cli $(DEV)/python docs/command_page.py
	@PYTHONPATH=layers $(DEV)/python docs/change_schema.py
	@$(DEV)/python docs/terminal.py
	@PYTHONPATH=layers:. $(DEV)/python docs/benchmark_pages.py
	@PYTHONPATH=layers:cli:. $(DEV)/python docs/console_pictures.py
	@build/venvs/docs/bin/python docs/dashboard.py
	@build/venvs/docs/bin/python docs/benchmark_picture.py

STACK ?= billing-mirror
REPLACE ?=
# What stands in the way is said before minutes of building.
DEPLOY = build/venvs/sam/bin/python -m dev.deploy $(STACK)
deploy: tools-sam  ## build the bundle and deploy it to your AWS account as stacks/STACK.toml says: STACK=billing-live
	@$(DEPLOY) --check --template template.yaml
	@$(MAKE) --no-print-directory built
	@$(DEPLOY) --replace $(REPLACE)

preview: tools-sam  ## show what `make deploy` would change, and change nothing: STACK=billing-live
	@$(DEPLOY) --check --template template.yaml
	@$(MAKE) --no-print-directory built
	@$(DEPLOY) --preview

# The functions are deployed as they stand here: cached bytecode of this machine would look like a change of their code.
built: tools-sam
	@find functions -name __pycache__ -prune -exec rm -r {} +
	@PYTHON="$(CURDIR)/build/venvs/uv/bin/python" $(SAM) build
	@find .aws-sam/build -name '*.pyc' | grep -q . || echo "Warning: no Python 3.13 was found, so the layers have no bytecode, and each cold \
	start takes more than twice as long. Install python3.13 (a package of your system has it), and build again." >&2

LOCKS = layers/dependencies/requirements.txt $(wildcard dev/requirements/*.txt)
audit: tools-audit tools-dev  ## check templates, licences and known vulnerabilities of every lock; needs a package index with advisories
	@build/venvs/audit/bin/checkov --config-file .checkov.yaml
	@$(DEV)/python -m dev.audit.licences
	@for lock in $(LOCKS); do echo $$lock; build/venvs/audit/bin/pip-audit --strict --require-hashes --disable-pip \
		--progress-spinner off -r $$lock || exit 1; done

package: tools-uv tools-audit  ## make the files of a release: templates, zipped code, bill of materials and checksums
	@build/venvs/uv/bin/python -m dev.packaging

# The dependencies of the functions come first: the development environment uses the same versions.
UV_COMPILE = build/venvs/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
# Only `sam validate` and `sam pipeline` import these, 90 MB; `make check` lints with the development environment.
NOT_FOR_SAM = $(addprefix --no-emit-package ,cffi cfn-lint cryptography jsonpatch jsonpointer mpmath networkx pycparser pyopenssl sympy)
lock: tools-uv  ## lock the newest versions that the requirements allow
	@$(UV_COMPILE) --upgrade layers/dependencies/requirements.in -o layers/dependencies/requirements.txt
	@$(UV_COMPILE) --upgrade -c layers/dependencies/requirements.txt dev/requirements/sandbox.in -o dev/requirements/sandbox.txt
	@$(UV_COMPILE) --upgrade -c dev/requirements/sandbox.txt dev/requirements/cli.in -o dev/requirements/cli.txt
	@$(UV_COMPILE) --upgrade -c dev/requirements/cli.txt dev/requirements/dev.in -o dev/requirements/dev.txt
	@$(UV_COMPILE) --upgrade $(NOT_FOR_SAM) dev/requirements/sam.in -o dev/requirements/sam.txt
	@$(UV_COMPILE) --upgrade -c dev/requirements/sam.txt --override dev/requirements/ministack.override \
		dev/requirements/ministack.in -o dev/requirements/ministack.txt
	@$(UV_COMPILE) --upgrade dev/requirements/docs.in -o dev/requirements/docs.txt
	@$(UV_COMPILE) --upgrade dev/requirements/audit.in -o dev/requirements/audit.txt
	@$(UV_COMPILE) --upgrade dev/requirements/uv.in -o dev/requirements/uv.txt

clean:  ## remove all build output, installed tools included
	@if [ -d build/venvs/sandbox ]; then PYTHONPATH=layers $(SANDBOX)/python -m dev.sandbox down; fi
	@rm -rf build .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis

tools-cli tools-dev tools-sam tools-docs tools-audit tools-uv: tools-%: python
	@$(PYTHON) -m dev.sandbox.toolchain $*

tools-sandbox: python
	@$(PYTHON) -m dev.sandbox.toolchain sandbox ministack sam

tools-all: python
	@$(PYTHON) -m dev.sandbox.toolchain dev ministack sam

python:
	@command -v $(PYTHON) > /dev/null || { \
		echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name yours: make PYTHON=python3.12 ..." >&2; exit 1; }
