"""Runs the checks of a minute: format, linters, structure, clippy, and the unit tests of the crates that changed.

A crate changed if a file in it differs from the branch point with main (or with BASE), committed or not. The unit tests
of crates that depend on a changed crate run too. `make test` remains the gate: it checks everything.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINT = ROOT / ".landfall/venv/lint/bin"
CARGO = os.environ.get("CARGO", "cargo")

# A change to one of these can change every crate.
WORKSPACE_FILES = {"Cargo.toml", "Cargo.lock", "rust-toolchain.toml"}
# A file outside every crate, and the crate whose unit tests read it.
READERS = {"template.yaml": "landfall-engine"}
# Files inside a crate's folder that are no part of its unit tests.
NOT_RUST = (".md", ".py")


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def changed_files() -> set[str]:
    base = os.environ.get("BASE") or "main"
    found = subprocess.run(["git", "merge-base", base, "HEAD"], cwd=ROOT, capture_output=True, text=True)
    # A clone of one branch has no main. Then only changes that are not committed count.
    branch_point = found.stdout.strip() or "HEAD"
    tracked = output("git", "diff", "--name-only", branch_point)
    untracked = output("git", "ls-files", "--others", "--exclude-standard")
    return {*tracked.splitlines(), *untracked.splitlines()}


def test_filter(files: set[str]) -> str:
    """Returns nextest's filter for the tests of the changed crates and of the crates that depend on them."""
    if files & WORKSPACE_FILES:
        return "all()"
    metadata = json.loads(output(CARGO, "metadata", "--locked", "--no-deps", "--format-version", "1"))
    folders = {
        Path(package["manifest_path"]).parent.relative_to(ROOT).as_posix(): package["name"]
        for package in metadata["packages"]
    }
    filters = {f"package(={READERS[file]})" for file in files if file in READERS}
    for file in files:
        # The deepest folder counts: tests/simulation is a crate inside the crate tests.
        owners = [folder for folder in folders if file.startswith(f"{folder}/")]
        if owners and not file.endswith(NOT_RUST):
            filters.add(f"rdeps(={folders[max(owners, key=len)]})")
    return " | ".join(sorted(filters))


def stages() -> list[tuple[str, list[str]]]:
    files = changed_files()
    tests = test_filter(files)
    print(f"{len(files)} files changed; unit tests: {tests or 'none'}", flush=True)

    scripts = [*output("git", "ls-files", "*.sh").split(), ".ci/run"]
    # Both always name the whole workspace. Cargo rebuilds only what changed, and a smaller selection would build the
    # dependencies again with other features.
    clippy = [CARGO, "clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]
    unit_tests = [CARGO, "nextest", "run", "--locked", "--workspace", "--lib", "--bins", "--no-tests", "pass"]
    unit_tests += ["--status-level", "fail", "--final-status-level", "fail", "--show-progress", "none", "-E", tests]
    selected = [
        ("format", [CARGO, "fmt", "--all", "--check"]),
        ("ruff", [f"{LINT}/ruff", "check", "--quiet", "--output-format", "concise"]),
        ("ruff format", [f"{LINT}/ruff", "format", "--quiet", "--check"]),
        ("shellcheck", [f"{LINT}/shellcheck", *scripts]),
        ("clippy", clippy),
    ]
    if {"Cargo.lock", "deny.toml"} & files:
        selected.append(("cargo deny", ["make", "--no-print-directory", "deny"]))
    structure = [CARGO, "nextest", "run", "--locked", "--package", "landfall-structure"]
    selected.append(("structure", [*structure, "--status-level", "fail", "--show-progress", "none"]))
    if tests:
        selected.append(("unit tests", unit_tests))
    return selected


def main() -> int:
    begin = time.monotonic()
    for name, command in stages():
        stage_begin = time.monotonic()
        status = subprocess.run(command, cwd=ROOT).returncode
        print(f"{name:<12} {'ok' if status == 0 else 'FAILED':<6} {time.monotonic() - stage_begin:5.1f} s", flush=True)
        if status != 0:
            return 1
    print(f"{'total':<19} {time.monotonic() - begin:5.1f} s", flush=True)
    return 0


sys.exit(main())
