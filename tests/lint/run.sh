#!/bin/sh
# SPDX-License-Identifier: MIT
# The project's own rules, one script each: `make lint`, or `sh tests/lint/run.sh layers sql` for some.
# A script that exits 0 passed; its output then says what it could not check.
set -u
cd "$(dirname "$0")/../.." || exit 1

[ $# -gt 0 ] || set -- layers banned sql headers must sizes licence schema scripts settings manual errors families spec openapi private format cppcheck
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 1' HUP INT TERM

# shellcheck disable=SC2016 # for the inner shell
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh -c 'sh "tests/lint/$1.sh" >"$2/$1" 2>&1 || : >"$2/$1.failed"' sh '{}' "$out"

failed=0
for check in "$@"; do
  if [ -e "$out/$check" ] && [ ! -e "$out/$check.failed" ]; then
    echo "lint $check: ok$([ ! -s "$out/$check" ] || echo " ($(cat "$out/$check"))")"
  else
    echo "lint $check: FAILED"
    sed 's/^/  /' "$out/$check"
    failed=$((failed + 1))
  fi
done
[ $failed -eq 0 ] || echo "lint: $failed of $# checks failed"
[ $failed -eq 0 ]
