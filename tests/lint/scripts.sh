#!/bin/sh
# SPDX-License-Identifier: MIT
# Every script parses.
set -eu
cd "$(dirname "$0")/../.."

failed=0
find . \( -path ./.git -o -path ./build -o -path ./var -o -name node_modules \) -prune -o -type f -name '*.mjs' -print0 |
  sort -z | xargs -0 node --experimental-vm-modules --no-warnings tests/lint/scripts.mjs || failed=1
for script in cgi-bin/*.sh sandbox/*.sh tests/*/*.sh; do
  [ ! -e "$script" ] || sh -n "$script" || failed=1
done
for script in .ci/*; do
  [ ! -e "$script" ] || bash -n "$script" || failed=1
done
exit $failed
