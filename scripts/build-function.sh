#!/bin/sh
# Builds one function for Lambda. functions/Makefile calls it:
#
#   build-function.sh CHECKOUT CARGO CRATE PROFILE BUILT OUTPUT [TARGET]
#
# With LANDFALL_ZIG=1 cargo-lambda builds for this machine's own target too, against Lambda's glibc.
set -eu
checkout=$1 cargo=$2 crate=$3 profile=$4 built=$5 output=$6 target=${7:-}
# The glibc of provided.al2023: https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
glibc=34
cd "$checkout"

fail() {
  echo "cannot build $crate: $1" >&2
  exit 1
}

host=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
if [ -z "${LANDFALL_ZIG:-}" ] && { [ -z "$target" ] || [ "$target" = "$host" ]; }; then
  "$cargo" build --locked --profile "$profile" ${target:+--target "$target"} --package "$crate"
  cp "$built/$crate" "$output"
else
  target=${target:-$host}
  [ -d "$("${RUSTC:-rustc}" --print target-libdir --target "$target")" ] ||
    fail "the standard library for $target is not installed: run 'rustup target add $target', or deploy for this machine's processor (parameter Architecture)"
  "$cargo" lambda --version >/dev/null 2>&1 ||
    fail "cargo-lambda is not installed, and only it builds for $target: run 'pip install cargo-lambda' (it includes zig), or set LANDFALL_BIN_DIR to a folder of built binaries"
  # zig links against the glibc in the target's name, not against this machine's.
  "$cargo" lambda build --locked --profile "$profile" --target "$target.2.$glibc" --package "$crate" --bin "$crate"
  cp "${CARGO_TARGET_DIR:-target}/lambda/$crate/bootstrap" "$output"
fi

# A machine with a newer glibc links against symbols that Lambda lacks. The function would then fail when it starts.
newest=$(LC_ALL=C grep -ao 'GLIBC_2\.[0-9][0-9]*' "$output" | sed 's/.*\.//' | sort -n | tail -n 1)
[ "${newest:-0}" -le $glibc ] ||
  fail "the binary needs glibc 2.$newest, and Lambda's provided.al2023 has 2.$glibc: set LANDFALL_ZIG=1 (cargo-lambda builds against the older one), or build on an older machine"
