"""Runs the checks of a minute: format, linters, structure, clippy, and the unit tests of the crates that changed.

A crate changed if a file in it differs from the branch point with main (or with BASE), committed or not. Clippy and the
tests also cover the crates that depend on a changed one. `make test` remains the gate: it checks everything.
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
WORKSPACE_FILES = {"Cargo.toml", "Cargo.lock", "clippy.toml", "rust-toolchain.toml", "rustfmt.toml"}
# A file outside every crate, and the crate whose unit tests read it.
READERS = {"template.yaml": "landfall-engine"}


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def changed_files() -> list[str]:
    base = os.environ.get("BASE") or "main"
    known = subprocess.run(["git", "merge-base", base, "HEAD"], cwd=ROOT, capture_output=True, text=True)
    # A clone of one branch has no main: then only what is not committed counts.
    branch_point = known.stdout.strip() or "HEAD"
    tracked = output("git", "diff", "--name-only", branch_point)
    untracked = output("git", "ls-files", "--others", "--exclude-standard")
    return sorted({*tracked.splitlines(), *untracked.splitlines()})


def selected_crates(files: list[str], packages: list[dict]) -> list[str]:
    """Returns the names of the changed crates and of all crates that depend on them, directly or not."""
    folders = {Path(package["manifest_path"]).parent.relative_to(ROOT).as_posix(): package for package in packages}
    if WORKSPACE_FILES.intersection(files):
        return sorted(package["name"] for package in packages)
    selected = set()
    for file in files:
        # The deepest folder counts: tests/simulation is a crate inside the crate tests.
        owners = [folder for folder in folders if file.startswith(f"{folder}/")]
        if owners:
            selected.add(folders[max(owners, key=len)]["name"])
        if file in READERS:
            selected.add(READERS[file])
    while True:
        dependants = {
            package["name"]
            for package in packages
            if any(dependency["name"] in selected for dependency in package["dependencies"])
        }
        if dependants <= selected:
            return sorted(selected)
        selected |= dependants


def shell_scripts() -> list[str]:
    return [*output("git", "ls-files", "*.sh").split(), ".ci/run"]


def stages() -> list[tuple[str, list[str]]]:
    files = changed_files()
    packages = json.loads(output(CARGO, "metadata", "--locked", "--no-deps", "--format-version", "1"))["packages"]
    crates = selected_crates(files, packages)
    print(f"{len(files)} files changed; crates: {', '.join(crates) or 'none'}", flush=True)

    all_stages = [
        ("format", [CARGO, "fmt", "--all", "--check"]),
        ("ruff", [f"{LINT}/ruff", "check", "--quiet"]),
        ("ruff format", [f"{LINT}/ruff", "format", "--quiet", "--check"]),
        ("shellcheck", [f"{LINT}/shellcheck", *shell_scripts()]),
    ]
    if {"Cargo.lock", "deny.toml"}.intersection(files):
        all_stages.append(("cargo deny", ["make", "--no-print-directory", "deny"]))
    all_stages.append(("structure", [*test_command(), "--locked", "--package", "landfall-structure"]))
    if crates:
        only = [argument for crate in crates for argument in ("--package", crate)]
        all_stages += [
            ("clippy", [CARGO, "clippy", "--quiet", "--locked", *only, "--all-targets", "--", "-D", "warnings"]),
            ("unit tests", [*test_command(), "--locked", *only, "--lib", "--bins"]),
        ]
    return all_stages


def test_command() -> list[str]:
    nextest = subprocess.run([CARGO, "nextest", "--version"], cwd=ROOT, capture_output=True)
    if nextest.returncode == 0:
        return [CARGO, "nextest", "run", "--no-tests", "pass", "--status-level", "fail", "--show-progress", "none"]
    return [CARGO, "test", "--quiet"]


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
