#!/bin/sh
# SPDX-License-Identifier: MIT
# Functions that are banned everywhere, memory functions that only lib/base and lib/ext may call (found in object files,
# so that macros can't hide them), and floating point, which must not touch money.
set -eu
cd "$(dirname "$0")/../.."

objects='' sources=''
for source in lib/*/*.c lib/*/*/*.c cgi-bin/*.c cli/*.c; do
  [ -e "$source" ] || continue
  sources="$sources $source"
  objects="$objects build/debug/${source%.c}.o"
done
# At -O0 calls are not replaced. Not with the caller's flags, which may set another MODE.
# shellcheck disable=SC2086 # lists of words
built=$(MAKEFLAGS='' make --no-print-directory MODE=debug $objects 2>&1 >/dev/null) || {
  echo "$built" | tail -n 30
  exit 1
}

failed=0
# shellcheck disable=SC2086
nm -A -u $objects | awk '
BEGIN {
  split("strcpy strcat stpcpy strncpy strncat sprintf vsprintf gets scanf sscanf fscanf strtok atoi atol atoll " \
    "atof strtod strtof gmtime localtime ctime asctime rand srand random system popen tmpnam tempnam mktemp " \
    "alloca signal", a, " ")
  for (i in a) banned[a[i]] = 1
  split("malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf aligned_alloc " \
    "posix_memalign", m, " ")
  for (i in m) memory[m[i]] = 1
}
{
  file = $1
  sub(/:.*/, "", file)
  sub(/^build\/debug\//, "", file)
  sub(/\.o$/, ".c", file)
  name = $NF
  sub(/^__isoc99_/, "", name)
  if (name in banned) {
    print file ": " name "() is banned"
    failed = 1
  } else if ((name in memory) && file !~ /^lib\/(base|ext)\//) {
    print file ": " name "() belongs in lib/base and lib/ext: use the arena"
    failed = 1
  }
}
END { exit failed }' || failed=1

# The preprocessor removes comments.
for source in $sources lib/*/*.h lib/*/*/*.h cli/*.h; do
  [ -e "$source" ] || continue
  if "${CC:-gcc}" -fpreprocessed -dD -E -P -x c "$source" 2>/dev/null | grep -wE 'double|float|long double'; then
    echo "$source: floating point, in the line above"
    failed=1
  fi
done
exit $failed
