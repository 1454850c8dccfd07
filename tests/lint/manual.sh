#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/minimall.8 is a valid manual page and has exactly the subcommands and options of the command.
set -eu
cd "$(dirname "$0")/../.."

failed=0
page=docs/minimall.8
fault() {
  echo "$1"
  failed=1
}

# As rendered: \- is a hyphen, fonts are removed, a macro's arguments are joined.
text=$(sed 's/\\-/-/g; s/\\f[A-Z]//g; s/^\.\(TP\|SH\|BR\|BI\|RI\|IR\|B\|I\) *//; s/"//g; s/  */ /g' $page)
commands=$(sed -n 's/^\t{ "\([a-z-]*\)", run_.*/\1/p' cli/minimall.c)
[ -n "$commands" ] || fault 'no subcommands found in cli/minimall.c'
for command in $commands; do
  printf '%s\n' "$text" | grep -q "^minimall $command\( \|$\)" || fault "$page lacks minimall $command"
done
for command in $(printf '%s\n' "$text" | sed -n 's/^minimall \([a-z][a-z-]*\).*/\1/p' | sort -u); do
  printf '%s\n' "$commands" | grep -qx "$command" || fault "$page names minimall $command, which is no subcommand"
done
# "--name=" in a list of options is an option with a value
options=$(cat cli/*.c | grep -ohE '"--[a-z]+=?"' | tr -d '"=' | sort -u)
for option in $options; do
  printf '%s\n' "$text" | grep -qe "$option" || fault "$page lacks $option"
done
for option in $(printf '%s\n' "$text" | grep -ohE -e '--[a-z]+' | sort -u); do
  printf '%s\n' "$options" | grep -qxe "$option" || fault "$page names $option, which is no option"
done
for setting in $(printf '%s\n' "$text" | grep -ohE '\b[A-Z]+_[A-Z_]*[A-Z]\b' | sort -u); do
  grep -qrE "\"$setting\"|[ [|]$setting\b" lib/base/conf.c cli || fault "$page names $setting, which is no setting"
done

if command -v groff >/dev/null; then
  said=$(groff -man -K utf8 -Tutf8 -ww -z $page 2>&1) && [ -z "$said" ] || fault "$said"
else
  echo 'skipped: groff is not installed'
fi
exit $failed
