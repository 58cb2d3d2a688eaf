#!/bin/sh
# Runs one stage of `make test` and notes its time:
#
#   stage.sh start                    forgets the stages of an earlier gate
#   stage.sh run NAME COMMAND...      runs the command and notes its seconds, also when it fails
#   stage.sh summary                  prints the noted stages, and the tests that were skipped
#
# STAGES is the file of notes, JUNIT the report of the Rust tests.
set -eu
: "${STAGES:=target/stages.txt}" "${JUNIT:=target/nextest/default/junit.xml}"
verb=$1
shift

minutes() {
  printf '%3d min %02d s' $(($1 / 60)) $(($1 % 60))
}

case "$verb" in
start)
  mkdir -p "$(dirname "$STAGES")"
  rm -f "$STAGES" "$JUNIT"
  ;;
run)
  name=$1
  shift
  echo "== $name"
  began=$(date +%s)
  code=0
  "$@" || code=$?
  seconds=$(($(date +%s) - began))
  mkdir -p "$(dirname "$STAGES")"
  echo "$seconds $code $name" >>"$STAGES"
  [ "$code" -eq 0 ] || echo "stage '$name' failed after$(minutes $seconds)" >&2
  exit "$code"
  ;;
summary)
  echo
  total=0
  while read -r seconds code name; do
    total=$((total + seconds))
    echo "$(minutes "$seconds")  $name"
  done <"$STAGES"
  echo "$(minutes $total)  in total"
  # A test that cannot run here prints a line that starts with SKIPPED; nextest's report keeps the output of each test.
  skipped=$(sed -n 's/.*SKIPPED: /  /p' "$JUNIT" 2>/dev/null | sort -u)
  if [ -n "$skipped" ]; then
    echo "All other tests passed. Skipped here:"
    echo "$skipped"
  else
    echo "All tests passed, and none was skipped."
  fi
  ;;
*)
  echo "stage.sh: no verb $verb" >&2
  exit 2
  ;;
esac
