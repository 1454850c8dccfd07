#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs unit-test programs, each under two time zones (BEHAVIOUR 49): sh tests/unit/run.sh PROGRAM…
# A test passes when it passes in both. A program that crashes, hangs or skips tests of its plan counts one more failure.
set -u
cd "$(dirname "$0")/../.." || exit 1

export TEST_DATA=tests/unit/data CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

# --one PROGRAM: its output and the result of each test, into files in $OUT.
if [ "$1" = --one ]; then
  program=$2
  name=$(basename "$program")
  : >"$OUT/$name.results"
  for zone in UTC Asia/Shanghai; do
    TZ=$zone timeout -k 5 300 "$program" >"$OUT/$name.said" 2>&1 </dev/null
    status=$?
    # TAP: "1..3", "ok 1 - name", "not ok 2 - name"
    awk -v status=$status '
      /^1\.\.[0-9]+$/ { planned += substr($0, 4) }
      /^ok [0-9]+ - / { sub(/^ok [0-9]+ - /, ""); print "ok " $0; seen++ }
      /^not ok [0-9]+ - / { sub(/^not ok [0-9]+ - /, ""); print "bad " $0; seen++; bad++ }
      END { if (planned == 0 || seen != planned || (status != 0 && bad == 0)) print "bad (the program itself)" }
    ' "$OUT/$name.said" >"$OUT/$name.zone"
    if grep -q '^bad' "$OUT/$name.zone"; then
      echo "--- $name under TZ=$zone ended with status $status:"
      cat "$OUT/$name.said"
    fi >>"$OUT/$name.faults"
    cat "$OUT/$name.zone" >>"$OUT/$name.results"
  done
  exit 0
fi

OUT=$(mktemp -d)
# for tests that need a memory file system
TEST_MEMORY=$(mktemp -d -p /dev/shm minimall-unit-XXXXXX 2>/dev/null || mktemp -d)
export OUT TEST_MEMORY
trap 'rm -rf "$OUT" "$TEST_MEMORY"' EXIT
trap 'exit 1' HUP INT TERM

printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh tests/unit/run.sh --one

passed=0 failed=0
for program in "$@"; do
  name=$(basename "$program")
  cat "$OUT/$name.faults"
  bad=$(sed -n 's/^bad //p' "$OUT/$name.results" | sort -u | wc -l)
  all=$(cut -d ' ' -f 2- "$OUT/$name.results" | sort -u | wc -l)
  [ "$all" -gt 0 ] || all=1 bad=1
  echo "unit $name: $((all - bad)) passed$([ "$bad" -eq 0 ] || echo ", $bad failed")"
  passed=$((passed + all - bad)) failed=$((failed + bad))
done
echo "unit: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
