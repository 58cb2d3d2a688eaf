# Says in one sentence each what this machine lacks. Called by the Makefile with the name of cargo; plain sh, for it runs first of all.
cargo=${1:-cargo}
missing=0

lacks() {
  echo "missing: $1" >&2
  missing=1
}

command -v "$cargo" >/dev/null 2>&1 || [ -x "$cargo" ] ||
  lacks "cargo (Rust 1.94 or newer): install it from https://rustup.rs and open a new terminal"

command -v cc >/dev/null 2>&1 ||
  lacks "a C compiler (cc): on macOS run 'xcode-select --install', on Debian and Ubuntu 'apt-get install build-essential'"

found=
for python in "$LANDFALL_PYTHON" python3 python3.13 python3.12 python3.11 python; do
  [ -n "$python" ] || continue
  if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    found=$python
    break
  fi
done
[ -n "$found" ] ||
  lacks "Python 3.11, 3.12 or 3.13 (dbt does not run on newer ones yet): install one, or name one by LANDFALL_PYTHON=/path/to/python3"

if [ -n "$found" ] && ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
  lacks "the module venv of $found: on Debian and Ubuntu run 'apt-get install python3-venv'"
fi

exit $missing
