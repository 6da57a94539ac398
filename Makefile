# The whole project in a few words. `make run` and `make test` are all a newcomer needs; both set up what they use.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
KAFKA := .tools/kafka
TEST_WORKERS ?= 4 # more than two cores: tests on engines wait for a good part of their time
BESIDE_EACH_OTHER = --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder # a file shares what it starts; tests/conftest.py orders
# Where it is set (many images do), each program that a test starts compiles all our modules again.
export PYTHONDONTWRITEBYTECODE :=
# numpy's other threads spin, and nobody multiplies matrices.
export OPENBLAS_NUM_THREADS := 1
PIP = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
# uv takes a fifth of pip's time. What only pip's own settings tell, such as another index, it does not know.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[$(EXTRAS)]' || $(PIP) --editable '.[$(EXTRAS)]'
EXTRAS = sandbox,dev
CHECKS := format lint types imports proto-check unit
BOTH_CORES = @$(MAKE) --no-print-directory --jobs 2 --output-sync=target
DATA ?= run
PACKAGES := analytics processor sandbox

.PHONY: bench bench-ingest docs fix help setup run wheel test test-faults soak kafka kafka-if-possible check format lint types imports proto proto-check unit lock clean

help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv with everything that runs, tests and benchmarks need

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3 python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) uv
	$(INSTALL)
	@touch $@

run: setup ## bring up ClickHouse, a broker, processor and service, play events, and show live totals
	$(BIN)/chronoverse-sandbox up --data $(DATA) --demo

test: setup ## everything that CI runs: the checks and unit tests, then the tests on the real engines
	$(BOTH_CORES) $(CHECKS) kafka-if-possible
	$(BIN)/pytest --ignore=tests/unit $(BESIDE_EACH_OTHER)

test-faults: setup kafka ## only the tests that kill things, on real Kafka and real ClickHouse
	$(BIN)/pytest tests/faults $(BESIDE_EACH_OTHER)

SOAK_ROUNDS ?= 3

soak: private EXTRAS = sandbox,dev,soak
soak: setup kafka ## the long form, an hour or more: fuzzing, thousands of schedules, and the tests that kill things again and again
	$(INSTALL)
	$(BIN)/python -m tests.fuzz.atheris_decoder .tools/fuzz -max_total_time=300 -artifact_prefix=.tools/
	$(BIN)/pytest tests/model tests/unit/test_processor_decode_*.py tests/unit/test_processor_fold.py tests/contract/test_*_fuzz.py \
	  --hypothesis-profile=soak --timeout=7200 $(BESIDE_EACH_OTHER)
	for round in $$(seq $(SOAK_ROUNDS)); do $(BIN)/pytest tests/faults --hypothesis-profile=soak $(BESIDE_EACH_OTHER) || exit 1; done

kafka: $(KAFKA)/.ready ## fetch Apache Kafka with Maven, for the tests that kill things (needs Java)

kafka-if-possible:
	@if command -v java >/dev/null && command -v mvn >/dev/null; then $(MAKE) --no-print-directory kafka; \
	else echo "Java and Maven are not here: the tests on Apache Kafka are skipped (in CI they fail)"; fi

$(KAFKA)/.ready: sandbox/kafka/pom.xml | $(READY)
	@command -v java >/dev/null && command -v mvn >/dev/null || \
	  { echo "Java 17 and Maven are needed (Debian: apt-get install default-jre-headless maven)"; exit 1; }
	@rm -rf $(KAFKA)
	mvn -q -B -f $< dependency:copy-dependencies -DoutputDirectory=$(abspath $(KAFKA))
	-@$(BIN)/python -m sandbox.kafka.archive # without it brokers only start more slowly
	@touch $@

check: setup ## format, lint, types, import direction, stub freshness, unit tests
	$(BOTH_CORES) $(CHECKS)

format:
	$(BIN)/ruff format --check .

lint:
	$(BIN)/ruff check .
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/buf lint proto
	$(BIN)/buf breaking proto --against tests/data/frozen # what other services compiled in

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports --no-cache

unit: setup ## the tests that need no engine
	$(BIN)/pytest tests/unit -q --numprocesses 2 --dist worksteal

PROTOC = $(BIN)/python -m grpc_tools.protoc -Iproto $(patsubst proto/%,%,$(wildcard proto/analytics/*.proto))

proto: setup ## generate the Python stubs from proto/
	$(PROTOC) --python_out=. --pyi_out=. --grpc_python_out=.

bench: setup ## ingestion, event to answer, queries, insights, flatness: one table, one JSON (ONLY=queries, RUNS=5, QUICK=1)
	$(BIN)/python -m benchmarks $(addprefix --only ,$(ONLY)) $(addprefix --runs ,$(RUNS)) $(if $(QUICK),--quick)

bench-ingest: ONLY = ingest
bench-ingest: bench ## ingestion alone, beside ClickHouse's own Kafka engine

docs: setup ## write the pages of docs/ that are read from the code: metrics and settings
	$(BIN)/python -m pages

proto-check: setup ## fail when the stubs are stale
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
	  $(PROTOC) --python_out=$$fresh --pyi_out=$$fresh --grpc_python_out=$$fresh && \
	  for file in $$fresh/analytics/*; do cmp "$$file" analytics/$$(basename $$file) || \
	    { echo "stubs are stale: run make proto"; exit 1; }; done

wheel: setup ## build the wheel into dist/: service, processor, client, typed stubs, and the local stack
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

fix: setup ## format, and mend what the linter can mend
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lock: setup ## pin every dependency anew, without addresses
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate --extra sandbox --extra dev \
	  --output-file constraints.txt pyproject.toml

clean: ## remove what was built, installed and stored
	rm -rf $(VENV) run build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .tools
