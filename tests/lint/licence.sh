#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source begins with its SPDX licence line. Exempt are migrations, since they never change, and generated
# files.
set -eu
cd "$(dirname "$0")/../.."

find . \( -path ./.git -o -path ./build -o -path ./var -o -path ./schema -o -path ./htdocs/errors -o -name node_modules \) -prune \
  -o -type f \( -name '*.[ch]' -o -name '*.def' -o -name '*.mjs' -o -name '*.js' -o -name '*.css' -o -name '*.html' -o -name '*.sh' \
  -o -name '*.8' -o -name Makefile -o -path './.ci/*' \) -print | sort | {
  failed=0
  while read -r file; do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
      echo "${file#./}: the first line (after #! or a doctype) must be a comment: SPDX-License-Identifier: MIT"
      failed=1
    }
  done
  exit $failed
}
