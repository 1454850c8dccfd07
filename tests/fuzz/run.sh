#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each fuzz target on its seeds and then on libFuzzer's mutations of them: sh tests/fuzz/run.sh LIMIT [TARGET…]
# LIMIT is a libFuzzer option: -max_total_time=60, or -runs=5000, which starts with the same inputs on every machine.
# New corpus entries are kept in build/fuzz/corpus for the next run, a failing input in build/fuzz/failed: pass it to
# build/fuzz/fuzz/TARGET to reproduce the failure, and turn it into a unit test.
set -u
cd "$(dirname "$0")/../.." || exit 1

failed_inputs=build/fuzz/failed

# --one LIMIT TARGET: its output into $OUT; exits with the target's status.
if [ "$1" = --one ]; then
  learned=build/fuzz/corpus/$3
  mkdir -p "$learned" $failed_inputs
  # standard error is for the parsers' messages; libFuzzer and the sanitizers keep a copy
  ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 "build/fuzz/fuzz/$3" -close_fd_mask=3 -seed=1 \
    "$2" -timeout=60 -rss_limit_mb=2048 -max_len=4096 -artifact_prefix=$failed_inputs/"$3"- \
    "$learned" "tests/fuzz/corpus/$3" >"$OUT/$3" 2>&1 </dev/null || : >"$OUT/$3.failed"
  exit 0
fi

OUT=$(mktemp -d)
export OUT
trap 'rm -rf "$OUT"' EXIT
trap 'exit 1' HUP INT TERM

limit=$1
shift
cc=${FUZZ_CC:-clang}
echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return p == 0 && n > 0; }' |
  $cc -fsanitize=fuzzer,address,undefined -x c - -o "$OUT/probe" 2>/dev/null || {
  echo 'skipped: fuzz: there is no clang with libFuzzer (Debian: clang libclang-rt-dev)'
  exit 0
}
# not with the caller's flags, which may set another MODE or compiler
MAKEFLAGS='' make --no-print-directory -j"$(nproc)" MODE=fuzz CC="$cc" fuzz-targets || exit 1

[ $# -gt 0 ] || set -- $(for source in tests/fuzz/*.c; do basename "$source" .c; done)
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh tests/fuzz/run.sh --one "$limit"

passed=0 failed=0
for target in "$@"; do
  runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$OUT/$target" 2>/dev/null)
  if [ -n "$runs" ] && [ ! -e "$OUT/$target.failed" ]; then
    echo "fuzz $target: $runs inputs"
    passed=$((passed + 1))
  else
    echo "fuzz $target: FAILED"
    tail -n 60 "$OUT/$target" | sed 's/^/  /'
    failed=$((failed + 1))
  fi
done
echo "fuzz: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
