#!/bin/sh
# SPDX-License-Identifier: MIT
# Nothing in the tree may refer to the machine that it was written on, or to a package mirror.
# (The brackets keep these patterns from matching themselves.)
set -eu
cd "$(dirname "$0")/../.."

files() {
  find . \( -path ./.git -o -path ./build -o -path ./var -o -name node_modules \) -prune -o -type f -print0
}
# Prints matches, fails when there are any.
none() {
  ! files | LC_ALL=C xargs -0 grep -InE -e "$1"
}

failed=0
none '(^|[^A-Za-z0-9_.})$*-])/([r]oot|[w]ork|[h]ome)(/|[^A-Za-z0-9_/-]|$)' || failed=1
none '(r[e]gistry|m[i]rrors?)\.[a-z0-9.-]+\.[a-z]{2,}|[n]pmmirror|proxy\.g[o]lang' || failed=1
none '"r[e]solved"[[:space:]]*:' || failed=1
none '\.l[i]brary/' || failed=1
exit $failed
