#!/bin/sh
# SPDX-License-Identifier: MIT
# cppcheck's findings, without its style checks.
set -eu
cd "$(dirname "$0")/../.."

command -v cppcheck >/dev/null || {
  echo 'skipped: cppcheck is not installed'
  exit 0
}
mkdir -p build/cppcheck
dirs=''
for dir in lib cgi-bin cli; do
  [ -z "$(find $dir -name '*.c' 2>/dev/null)" ] || dirs="$dirs $dir"
done
# shellcheck disable=SC2086 # a list of words
cppcheck --enable=warning,performance,portability --std=c11 --language=c -D_GNU_SOURCE= -D__GNUC__=12 -Ilib \
  -j2 --quiet --inline-suppr --error-exitcode=1 --cppcheck-build-dir=build/cppcheck --suppress=missingIncludeSystem \
  --template='{file}:{line}: {severity} {id}: {message}' $dirs
