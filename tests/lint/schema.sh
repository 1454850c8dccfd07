#!/bin/sh
# SPDX-License-Identifier: MIT
# The schema is portable to MariaDB 10.11 and MySQL, and its files have one order.
set -eu
cd "$(dirname "$0")/../.."

failed=0
last=000
for file in schema/*; do
  [ -e "$file" ] || continue
  number=$(expr "$file" : 'schema/\([0-9]\{3\}\)-[a-z][a-z0-9-]*\.sql$') || number=
  if [ -z "$number" ] || [ "$number" = "$last" ]; then
    echo "$file: must be named NNN-NAME.sql, with a number of its own"
    failed=1
  fi
  last=$number
done

# A committed migration may be applied somewhere: it never changes, and a change is a new file, with
# its line in schema.sha256. `minimall migrate` refuses a changed one.
sums=$PWD/tests/lint/schema.sha256
(cd schema && sha256sum --quiet --check "$sums" 2>&1) || failed=1
for file in schema/*.sql; do
  grep -q "  $(basename "$file")\$" "$sums" || {
    echo "$file: no line in tests/lint/schema.sha256; when it is finished: (cd schema && sha256sum $(basename "$file"))"
    failed=1
  }
done

find schema -name '*.sql' 2>/dev/null | sort | xargs -r awk '
function fault(text) {
  print FILENAME ":" FNR ": " text
  failed = 1
}
{
  line = toupper($0)
  sub(/--.*/, "", line)
}
line ~ /ENGINE/ && line !~ /ENGINE *= *INNODB/ { fault("no engine but InnoDB") }
line ~ /(^|[^A-Z_])RETURNING([^A-Z_]|$)/ { fault("RETURNING is MariaDB alone") }
line ~ /CREATE +OR +REPLACE +TABLE|SEQUENCE|SYSTEM +VERSIONING|PERIOD +FOR|PAGE_CHECKSUM|PAGE_COMPRESSED/ {
  fault("MariaDB alone")
}
line ~ /(COLUMN|INDEX|KEY|CONSTRAINT) +IF +(NOT +)?EXISTS/ { fault("IF EXISTS of columns and keys is MariaDB alone") }
line ~ /(^|[ (,])(INET4|INET6|UUID)([ (,]|$)/ { fault("a type that MySQL lacks") }
line ~ /UCA1400|_0900_|UTF8MB3|CHARSET *= *UTF8([^M]|$)/ { fault("a collation that one of them lacks") }
line ~ /(^|[^A-Z_])(FLOAT|DOUBLE|REAL|DECIMAL|NUMERIC)([^A-Z_]|$)/ { fault("money is BIGINT fen") }
line ~ /(^|[^A-Z_])TIMESTAMP([^A-Z_]|$)/ { fault("TIMESTAMP ends in 2038: moments are BIGINT") }
line ~ /(^|[^A-Z_])(TRIGGER|PROCEDURE|FUNCTION|EVENT|DELIMITER)([^A-Z_]|$)/ { fault("the domain is in lib/shop") }
END { exit failed }' || failed=1

# The tests' own SQL is portable too: sequence(n) of sandbox/database/sql.mjs has the numbers from 1 to n.
if grep -nE 'seq_[0-9]+_to_' sandbox/*.mjs sandbox/*/*.mjs tests/e2e/*/*.mjs; then failed=1; fi
# connectionsTo() there lists running statements: MySQL's table fails while one contains bytes that are not text.
if grep -niE 'information_schema\.processlist' sandbox/*.mjs sandbox/*/*.mjs tests/e2e/*/*.mjs; then failed=1; fi
exit $failed
