#!/bin/sh
# SPDX-License-Identifier: MIT
# minimall.conf.example has exactly the programs' settings, with their defaults; the README and docs/ name no
# setting that doesn't exist, and docs/deploy.md names every mandatory one.
set -eu
cd "$(dirname "$0")/../.."

# "NAME" or "NAME=default" of each row of the table, and of each line of the example
table=$(sed -n 's/^\t{ "\([A-Z0-9_]*\)", .*, \(NULL\|"[^"]*"\), AT(.*/\1=\2/p' lib/base/conf.c | sed 's/"//g; s/=NULL$//' | sort)
example=$(sed -n 's/^#\{0,1\}\([A-Z0-9_]*=.*\)/\1/p' docs/minimall.conf.example | sort)
failed=0

fault() {
  echo "$1"
  failed=1
}

[ -n "$table" ] || fault 'no settings found in lib/base/conf.c'
for row in $table; do
  name=${row%%=*}
  line=$(printf '%s\n' "$example" | grep "^$name=") || fault "minimall.conf.example lacks $name"
  case $row in
  *=*) [ "$line" = "$row" ] || fault "minimall.conf.example says $line, the program $row" ;;
  esac
done
for line in $(printf '%s\n' "$example" | sed 's/=.*//'); do
  printf '%s\n' "$table" | grep -q "^$line\(=\|$\)" || fault "minimall.conf.example names $line, which is no setting"
done
for name in $(grep -ohE '\b(DB|WECHAT|ALIPAY|GATEWAY|CLIENT|PAYMENT|JWT|SHOP|ORDER|CORS|LOG)_[A-Z0-9_]*[A-Z0-9]\b' README.md docs/*.md | sort -u); do
  printf '%s\n' "$table" | grep -q "^$name\(=\|$\)" || fault "the documents name $name, which is no setting"
done
for name in $(sed -n 's/^\t{ "\([A-Z0-9_]*\)", [A-Z]*, CONF_[A-Z]*, .*, NULL, AT(.*/\1/p' lib/base/conf.c); do
  grep -q "\`$name\`" docs/deploy.md || fault "docs/deploy.md lacks $name"
done
exit $failed
