#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C source is formatted by .clang-format. Versions format differently, so only Debian 12's is used.
set -eu
cd "$(dirname "$0")/../.."

version=$(clang-format --version 2>/dev/null) || version=none
case $version in
*' version 14.'*) ;;
*)
  echo 'skipped: clang-format 14 is not installed'
  exit 0
  ;;
esac
# One process for all files: starting it costs more than formatting most files.
# shellcheck disable=SC2046 # paths without blanks
said=$(clang-format --dry-run -Werror $(find lib cgi-bin cli tests -name '*.[ch]') 2>&1) && exit 0
printf '%s\n' "$said" | grep ' error: ' | cut -d: -f1 | sort -u
echo 'make format fixes it'
exit 1
