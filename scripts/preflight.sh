#!/bin/sh
# Names each program that this machine lacks, in one sentence each. The Makefile passes the name of cargo.
cargo=${1:-cargo}
missing=0

lacks() {
  echo "missing: $1" >&2
  missing=1
}

command -v "$cargo" >/dev/null 2>&1 || [ -x "$cargo" ] ||
  lacks "cargo (Rust 1.94.1 or newer): install it from https://rustup.rs and open a new terminal"

command -v cc >/dev/null 2>&1 ||
  lacks "a C compiler (cc): on macOS run 'xcode-select --install', on Debian and Ubuntu 'apt-get install build-essential'"

python=$(sh "$(dirname "$0")/find-python.sh") ||
  lacks "Python 3.11, 3.12 or 3.13 (dbt does not support newer versions yet): install one, or set LANDFALL_PYTHON=/path/to/python3"

if [ -n "$python" ] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  lacks "the module venv of $python: on Debian and Ubuntu run 'apt-get install python3-venv'"
fi

exit $missing
