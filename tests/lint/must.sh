#!/bin/sh
# SPDX-License-Identifier: MIT
# A function that a header declares as `enum err` is MUST, so that its failure can't be ignored. Those that cannot fail
# are exempt: their definition returns only OK. fail() and the like never return OK, so they are MUST too.
set -eu
cd "$(dirname "$0")/../.."

# Definitions first: they show which functions cannot fail.
{ find lib cli -name '*.c'; find lib cli -name '*.h'; } 2>/dev/null | sort | sort -t. -k2,2 -s | xargs -r awk '
function name_of(text) {
  sub(/[ \t]*\(.*/, "", text)
  sub(/.*[ \t*]/, "", text)
  return text
}
FILENAME ~ /\.c$/ {
  if ($0 ~ /^enum err [a-z0-9_]+\(/) {
    in_function = name_of($0)
    can_fail = 0
  }
  if (in_function != "" && ($0 ~ /TRY\(/ || ($0 ~ /return/ && $0 !~ /return OK;/)))
    can_fail = 1
  if (in_function != "" && $0 ~ /^}/) {
    if (!can_fail)
      never_fails[in_function] = 1
    in_function = ""
  }
  next
}
FNR == 1 {
  statement = ""
}
{
  line = $0
  gsub(/\/\*.*\*\//, "", line)
  if (line ~ /^[ \t]*(\/\*|\*)/ || line ~ /^#/)
    next
  statement = statement " " line
}
/;|[{}]/ {
  if (statement ~ /^ *enum err [a-z0-9_]+\(/ && statement !~ / MUST/ && !(name_of(statement) in never_fails)) {
    print FILENAME ":" FNR ": " name_of(statement) "() can fail and is not MUST"
    failed = 1
  }
  statement = ""
}
END { exit failed }'
