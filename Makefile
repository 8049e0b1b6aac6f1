# accesswatch: `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9

# uv from PATH, or our own copy of it under .uv.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)

# The Python that runs make is the one that is used; none is downloaded.
export UV_PYTHON_DOWNLOADS := never
# Every command and every worker of a test is a process of its own: none of them shall compile what it imports.
export UV_COMPILE_BYTECODE := 1

.PHONY: help docs test-postgresql setup demo test check lint types imports unit integration changelog test-long test-ops ops-tools test-containers faults-slice test-faults soak benchmark format clean bench bench-quick

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed ## install everything into .venv; .venv/bin/accesswatch is then there

.venv/.installed: pyproject.toml uv.lock $(if $(findstring .uv/,$(UV)),.uv/bin/uv)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "accesswatch needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(UV) sync --frozen --quiet --extra sandbox --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@.venv/bin/python -m compileall -q console sandbox stream agents cases history alerts enrichment simulator
	@touch $@

.uv/bin/uv:
	@$(PYTHON) -m venv .uv || { echo "Python's venv module is missing: install it (Debian: python3-venv), or uv." >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || \
		{ echo "uv could not be installed: the first set-up needs a Python package index." >&2; exit 1; }

demo: setup ## play a fictional agency's working day and show it; ARGS="--no-ui --minutes 1"
	@.venv/bin/accesswatch demo $(ARGS)

test: check unit integration faults-slice ## everything that must pass: checks, unit tests, tests on a real Kafka and Valkey, faults

check: lint types imports ## ruff, mypy --strict, import contracts

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check --quiet .

types: setup
	.venv/bin/mypy

imports: setup
	.venv/bin/lint-imports

unit: setup ## the tests that need no services
	.venv/bin/python -m pytest -q tests/unit tests/contracts tests/rules
	.venv/bin/python -m pytest -q -m "not long and not services and not ops" tests/ops

integration: setup ## the tests on a real Kafka and Valkey; TEST_SERVICES=containers takes them from Docker
	.venv/bin/python -m pytest -q -n 2 --dist worksteal -m "not long" tests/integration

test-long: setup ## the integration tests that take minutes
	.venv/bin/python -m pytest -q -m long tests/integration

test-postgresql: setup ## the alert store's and delivery's tests on PostgreSQL, and through PgBouncer, from installed packages
	.venv/bin/python -m tests.support.postgresql .venv/bin/python -m pytest -q -k postgresql tests/integration

docs: setup ## write what is made from code: docs/rules.md, metrics.md, logs.md, the messages in alerts.md, the dashboards
	.venv/bin/python -m alerts.detection.manual > docs/rules.md
	.venv/bin/python -m agents.metrics > docs/metrics.md
	.venv/bin/python -m stream.logs > docs/logs.md
	.venv/bin/python -m stream.acls docs/security.md
	.venv/bin/python -m tests.support.arrived
	.venv/bin/python -m deploy.grafana

changelog: setup ## what changelog.d makes; VERSION=0.2.0 writes it into CHANGELOG.md
	.venv/bin/towncrier build $(if $(VERSION),--version $(VERSION) --yes,--draft)

test-ops: setup ops-tools ## alert rules, dashboards against a real Prometheus, runbooks, schemas, secured servers
	PATH="$(CURDIR)/.tools:$$PATH" .venv/bin/python -m pytest -q tests/ops

# promtool, prometheus, amtool and a Redis with TLS come from Debian's packages, kustomize from its Go module.
ops-tools: .tools/kustomize
	@for tool in prometheus promtool amtool redis-server krb5kdc krb5-config java; do \
		PATH="$$PATH:/usr/sbin" command -v $$tool >/dev/null || missing=yes; done; \
	test -z "$$missing" && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			prometheus prometheus-alertmanager redis-server krb5-kdc krb5-admin-server libkrb5-dev gcc \
			default-jre-headless >/dev/null; \
	else \
		echo "A tool is missing: install the packages prometheus, prometheus-alertmanager, redis-server, krb5-kdc," >&2; \
		echo "krb5-admin-server, libkrb5-dev, gcc and default-jre-headless." >&2; exit 1; \
	fi
	$(UV) sync --frozen --quiet --inexact --extra gssapi

KUSTOMIZE_VERSION := v5.5.0
.tools/kustomize:
	@if command -v kustomize >/dev/null || command -v kubectl >/dev/null; then exit 0; fi; \
	command -v go >/dev/null || { echo "kustomize and kubectl are missing, and Go to build kustomize with: install one." >&2; exit 1; }; \
	GOBIN="$(CURDIR)/.tools" go install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION)

# The images of this list, made here; IMAGES= takes the official ones and builds ours from them.
IMAGES ?= deploy/airgap/images.env
test-containers: setup ## the compose stack really started, a worker killed and others upgraded; integration tests in containers
	$(if $(IMAGES),deploy/airgap/build.sh,docker build --quiet --tag accesswatch:latest .)
	env $(if $(IMAGES),$$(grep -v '^#' $(IMAGES))) .venv/bin/python -m pytest -q tests/containers
	env $(if $(IMAGES),$$(grep -v '^#' $(IMAGES)) TESTCONTAINERS_RYUK_DISABLED=true) TEST_SERVICES=containers \
		.venv/bin/python -m pytest -q -n 2 --dist worksteal -m "not long" tests/integration

faults-slice: setup ## pull every plug once, at most 3 minutes: part of `make test`
	.venv/bin/python -m pytest -q -s tests/faults

SEEDS ?= 20
test-faults: setup ## the long fault suite; SEEDS=20, or SEED=n and ONLY=kind to repeat one; ARGS=--write
	.venv/bin/python -m tests.faults --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

MINUTES ?= 20
RATE ?= 2000
soak: setup ## a worker under steady load: flat memory, no growing task, file or thread count; MINUTES=20 RATE=2000
	.venv/bin/python -m tests.faults.soak --minutes $(MINUTES) --rate $(RATE) $(ARGS)

# A month of the whole ministry: hours on two cores. DAYS=2 STAFF=800 INTENTS=20 takes minutes.
DAYS ?= 30
STAFF ?= 8044
INTENTS ?= 1
TUNE ?= 1-20
HELD_OUT ?= 301-320
benchmark: setup ## how well accesswatch notices: seeds judged in memory, days through the real worker; DAYS=30 STAFF=8044
	.venv/bin/python -m benchmarks.noticing judge $(HELD_OUT)
	.venv/bin/python -m benchmarks.noticing judge $(HELD_OUT) --hard --out build/noticing/hard
	.venv/bin/python -m benchmarks.noticing judge $(TUNE) --staff 100 --curves --out build/noticing/tune
	.venv/bin/python -m benchmarks.noticing worker --staff $(STAFF) --days $(DAYS) --intents $(INTENTS)
	.venv/bin/python -m benchmarks.noticing report
	.venv/bin/python -m benchmarks.noticing report build/noticing/worker --curves build/noticing/none

bench: setup ## measure speed beside peers; ARGS="--table job|stages|latency|growth|workers|backlog", ARGS=--write for the docs
	$(UV) sync --frozen --quiet --inexact --group bench --group pictures
	.venv/bin/python -m benchmarks $(ARGS)

bench-quick: setup ## ours beside a hand-written loop, against the ratio that is kept
	$(UV) sync --frozen --quiet --inexact --group bench
	.venv/bin/python -m benchmarks --quick $(ARGS)

format: setup ## put the code into its form
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean: ## remove what make has made here
	rm -rf .venv .uv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
