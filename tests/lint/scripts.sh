#!/bin/sh
# Every script parses.
set -eu
cd "$(dirname "$0")/../.."

failed=0
for script in $(find . \( -path ./.git -o -path ./build -o -path ./var -o -name node_modules \) -prune -o \
  -type f \( -name '*.mjs' -o -path './htdocs/*.js' \) -print | sort); do
  node --check "$script" || failed=1
done
for script in sandbox/*.sh tests/*/*.sh; do
  [ ! -e "$script" ] || sh -n "$script" || failed=1
done
for script in .ci/*; do
  [ ! -e "$script" ] || bash -n "$script" || failed=1
done
exit $failed
