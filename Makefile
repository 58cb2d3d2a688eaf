# make demo    watch it work: files land, dbt runs, docs are published; needs Rust, Python 3.11 to 3.13 and a C compiler, nothing else
# make test    every check and test
# make bench   how long planning takes and how much memory; writes 1 GB into the target folder
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

.PHONY: help demo build test bench clean preflight python-tests rust-tests checkov
.DEFAULT_GOAL := help

help:
	@sed -n '1,7s/^# *//p' Makefile

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
	CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 $(CARGO) bench --locked -p landfall-select --bench planning

clean:
	$(CARGO) clean
	rm -rf .landfall .aws-sam
