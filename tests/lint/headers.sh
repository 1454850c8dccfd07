#!/bin/sh
# SPDX-License-Identifier: MIT
# Each header compiles alone, begins (after its licence) with its purpose, and has a guard LAYER_FILE_H.
set -eu
cd "$(dirname "$0")/../.."

failed=0
flags=$(pkg-config --cflags libmariadb) # for ext/db_internal.h
fault() {
  echo "$1: $2"
  failed=1
}

for header in lib/*/*.h lib/*/*/*.h cgi-bin/*.h cli/*.h tests/unit/*.h; do
  [ -e "$header" ] || continue
  guard=$(echo "${header#lib/}" | sed 's|tests/||; s|[^a-z0-9]|_|g' | tr '[:lower:]' '[:upper:]')
  case $(sed '1{/SPDX/d}' "$header" | head -c 2) in
  '/*') ;;
  *) fault "$header" 'must begin with a comment that says what it is' ;;
  esac
  # after the comment comes the guard; the last line ends it
  code=$(awk 'FNR == 1 && /SPDX/ { next } !said { said = /\*\//; next } NF' "$header" | head -n 2 | tr '\n' '|')
  [ "$code" = "#ifndef $guard|#define $guard|" ] || fault "$header" "must begin with the guard $guard"
  [ "$(tail -n 1 "$header")" = '#endif' ] || fault "$header" 'must end with its guard'
  # it must declare or include everything it uses
  printf '#include "%s"\n' "${header#lib/}" |
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE= -Wall -Wextra -Werror -fsyntax-only -Ilib $flags -x c - ||
    fault "$header" 'does not compile alone'
done
exit $failed
