#!/bin/sh
# Every C source is as .clang-format wants it. Versions differ in taste, so only one judges: Debian 12's.
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
failed=0
for source in $(find lib cgi-bin cli tests -name '*.[ch]' 2>/dev/null | sort); do
  clang-format --dry-run -Werror "$source" 2>/dev/null || {
    echo "$source: not formatted; make format mends it"
    failed=1
  }
done
exit $failed
