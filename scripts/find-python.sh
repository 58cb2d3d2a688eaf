#!/bin/sh
# Prints the first Python on this machine that dbt runs on: 3.11, 3.12 or 3.13. Prints nothing and fails if there is
# none.
for python in "${LANDFALL_PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
  [ -n "$python" ] || continue
  if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    echo "$python"
    exit 0
  fi
done
exit 1
