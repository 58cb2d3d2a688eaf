# make demo    watch it work: files land, dbt runs, docs are published; needs Rust, Python 3.11 to 3.13 and a C compiler, nothing else
# make test    every check and test
# make bench   how long planning and deciding take and how much memory; writes 1 GB into the target folder
# make size    how large the functions are, as they are shipped; the first time that takes a quarter of an hour
# make bench-startup   and what starting each costs: CPU, memory, files
# make deploy   sam build and sam deploy into your account; asks the first time (GUIDED=1: again), then goes by samconfig.toml
# make destroy STACK=name   sam delete; says what is kept and how to remove it
# make build   the command, the functions and the task, with the quick profile
# make clean   remove everything that was built or installed here
#
# For make 3.81 and later, BSD or GNU: macOS has the old one.

SHELL := /bin/sh
CARGO ?= cargo
VENV := .landfall/venv
NEXTEST_VERSION := 0.9.143
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# What a stack is made of.
PACKAGES := -p landfall -p landfall-task -p landfall-on-load -p landfall-on-schedule -p landfall-on-release \
  -p landfall-on-task-stopped -p landfall-publish-docs

# What is shipped to Lambda.
FUNCTIONS := -p landfall-on-load -p landfall-on-schedule -p landfall-on-release -p landfall-on-task-stopped -p landfall-publish-docs

.PHONY: help demo build release size deploy destroy test bench bench-startup clean preflight python-tests rust-tests checkov
.DEFAULT_GOAL := help

help:
	@sed -n '/^# make /s/^# *//p' Makefile

demo: preflight
	@test -x $(TARGET_DIR)/debug/landfall || echo "First the programs are built, once: about 4 minutes and 2 GB in $(TARGET_DIR)/ on two cores."
	@$(MAKE) --no-print-directory build
	@$(TARGET_DIR)/debug/landfall demo

build: preflight
	$(CARGO) build --locked $(PACKAGES)

# One sentence for each thing that is missing, before anything is begun.
preflight:
	@sh scripts/preflight.sh "$(CARGO)"

test: preflight rust-tests python-tests

rust-tests:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(CARGO) nextest --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-nextest --version $(NEXTEST_VERSION)
	$(CARGO) build --locked $(PACKAGES)
	$(TARGET_DIR)/debug/landfall setup
	$(CARGO) nextest run --locked --workspace

python-tests: checkov
	$(CARGO) build --locked $(PACKAGES)
	$(TARGET_DIR)/debug/landfall setup
	$(VENV)/emulator/bin/python -m unittest discover -s cli/emulator/tests -t cli/emulator
	$(VENV)/sam/bin/python -m unittest discover -s tests/template

# An environment of its own, 330 MB, for the template's tests alone: its hundred packages do not go together with the SAM CLI's.
checkov:
	$(CARGO) build --locked -p landfall
	$(TARGET_DIR)/debug/landfall setup
	@cmp -s tests/template/requirements-checkov.txt $(VENV)/checkov/installed.txt || { \
	  $(VENV)/sam/bin/python -m venv --clear $(VENV)/checkov && \
	  $(VENV)/checkov/bin/pip install --quiet --disable-pip-version-check --requirement tests/template/requirements-checkov.txt && \
	  cp tests/template/requirements-checkov.txt $(VENV)/checkov/installed.txt; }

# Without the shipped profile's whole-program optimisation, which takes longer than the benchmark.
bench:
	CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 $(CARGO) bench --locked -p landfall-select --bench planning -p landfall-planner --bench decide

# With the shipped profile, whose whole-program optimisation takes its time: some 20 minutes of CPU from nothing.
release:
	$(CARGO) build --locked --release $(FUNCTIONS) -p landfall-startup --bin landfall-on-load --bin landfall-on-schedule \
	  --bin landfall-on-release --bin landfall-on-task-stopped --bin landfall-publish-docs --bin no-sdk

# The measuring itself needs no optimising.
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
