#!/bin/sh
# The project's own rules, one script each: `make lint`, or `sh tests/lint/run.sh layers sql` for some.
# A script that exits 0 passed; what it printed then says what it could not look at.
set -u
cd "$(dirname "$0")/../.." || exit 1

[ $# -gt 0 ] || set -- layers banned sql headers must sizes schema scripts settings private format cppcheck
failed=0
for check in "$@"; do
  if said=$(sh "tests/lint/$check.sh" 2>&1); then
    echo "lint $check: ok${said:+ ($said)}"
  else
    echo "lint $check: FAILED"
    printf '%s\n' "$said" | sed 's/^/  /'
    failed=$((failed + 1))
  fi
done
[ $failed -eq 0 ] || echo "lint: $failed of $# checks failed"
[ $failed -eq 0 ]
