#!/bin/sh
# SPDX-License-Identifier: MIT
# Small files and functions, no notes to self, and the white space rules of .editorconfig.
set -eu
cd "$(dirname "$0")/../.."

failed=0
find . \( -path ./.git -o -path ./build -o -path ./var -o -name node_modules \) -prune -o -type f \
  \( -name '*.[ch]' -o -name '*.def' -o -name '*.mjs' -o -name '*.js' -o -name '*.css' -o -name '*.html' \
  -o -name '*.sql' -o -name '*.sh' -o -name '*.json' -o -name '*.md' -o -name Makefile -o -path './.ci/*' \
  -o -name '*.example' \) -print | sed 's|^\./||' | sort | xargs -r awk '
function fault(text) {
  print FILENAME ":" FNR ": " text
  failed = 1
}
function end_of_file() {
  if (file != "" && limit > 0 && lines > limit) {
    print file ": " lines " lines, more than " limit
    failed = 1
  }
}
FNR == 1 {
  end_of_file()
  file = FILENAME
  c = file ~ /\.[ch]$/
  limit = c ? 500 : file ~ /\.mjs$/ ? 600 : 0
  tabs = c || file ~ /\.def$/ || file ~ /(^|\/)Makefile$/
  spaces = file ~ /\.(mjs|js|css|html|sql|json|sh)$/
  start = licence = 0
}
FNR <= 2 && /SPDX-License-Identifier/ { licence = 1 }
{ lines = FNR - licence }
# In this style only a function'\''s braces are alone in the first column.
c && /^\{$/ { start = FNR }
c && /^\}$/ {
  if (start > 0 && FNR - start + 1 > 60)
    fault("a function of " FNR - start + 1 " lines, more than 60")
  start = 0
}
/(^|[^A-Za-z0-9_])(TO[D]O|FIX[M]E|XX[X]|HA[C]K)([^A-Za-z0-9_]|$)/ { fault("a note to self") }
/\r/ { fault("a carriage return") }
/[ \t]$/ { fault("trailing white space") }
/^ *\t* +\t/ { fault("a space before a tab") }
tabs && /^ +[^ *]/ { fault("indented by spaces") }
spaces && /^ *\t/ { fault("indented by a tab") }
END {
  end_of_file()
  exit failed
}' || failed=1

# awk does not see whether the last line is terminated; empty files, providers' vectors and fuzzers' seeds are exempt.
find . \( -path ./.git -o -path ./build -o -path ./var -o -name node_modules -o \
  -path ./tests/unit/data -o -path ./tests/fuzz/corpus \) -prune -o -type f -size +0 -print |
  while read -r file; do
    if [ -n "$(tail -c 1 "$file")" ] && LC_ALL=C grep -Iq . "$file"; then
      echo "${file#./}: no newline at its end"
    fi
  done | { ! grep .; } || failed=1
exit $failed
