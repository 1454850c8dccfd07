#!/bin/sh
# SPDX-License-Identifier: MIT
# cgi-bin/families lists the families of programs, and everything else that names families must agree: the web servers' example
# configurations, the rules for shared hosting, and the lists of sockets for systemd. Compares them with it;
#   sh tests/lint/families.sh --write
# rewrites them: what is between "# families (KIND)" and "# families end", each pattern of all first segments (it has
# healthz in it), and each minimall@{…}.socket.
set -eu
cd "$(dirname "$0")/../.."

targets='lighttpd.conf.example apache.conf.example docs/shared-hosting/htaccess docs/systemd/minimall@.socket docs/deploy.md'

# rewritten FILE: its expected content
rewritten() {
  awk '
# "a" or "(a|b)" for the paths of a family, without the leading slash
function pattern(i) {
  return addresses[i] ~ /\|/ ? "(" addresses[i] ")" : addresses[i]
}

function lighttpd(i) {
  if (i < n)
    printf "%s$HTTP[\"url\"] =~ \"^/%s(/|$)\" {\n", (i > 1 ? "} else " : ""), pattern(i)
  else {
    printf "} else $HTTP[\"url\"] !~ \"^/(?!(%s|errors)(/|$))\" {\n", roots
    print "  # Whatever is not certainly a page. A path that is not UTF-8 matches no pattern at all, and so comes here too."
  }
  print "  fastcgi.server = (\"/\" => (var.program + ("
  printf "    \"bin-path\" => env.MINIMALL_BIN + \"/%s.fcgi\", \"socket\" => env.MINIMALL_VAR + \"/%s.sock\", \"min-procs\" => %d, \"max-procs\" => %d)))\n", \
    name[i], name[i], processes[i], processes[i]
}

# for the last family an encoded slash is a segment boundary too
function border(i) {
  return i < n ? pattern(i) "(/|$)" : "(" roots ")(/|%2[Ff]|$)"
}

function proxy(i) {
  printf "<LocationMatch \"^/%s\">\n", border(i)
  printf "  SetHandler \"proxy:unix:${MINIMALL_VAR}/%s.sock|fcgi://%s\"\n</LocationMatch>\n", name[i], name[i]
}

function alias(i) {
  printf "#AliasMatch \"^/%s\" \"${MINIMALL_BIN}/%s.fcgi\"\n", border(i), name[i]
}

function htaccess(i) {
  printf "RewriteRule ^%s(/|$) cgi/%s.fcgi [END]\n", i < n ? pattern(i) : "(" roots ")", name[i]
}

function block(kind,   i) {
  for (i = 1; i <= n; i++) {
    if (kind == "lighttpd") lighttpd(i)
    else if (kind == "proxy") proxy(n + 1 - i) # there the last match wins
    else if (kind == "alias") alias(i)
    else if (kind == "htaccess") htaccess(i)
    else print "no such kind of block: " kind
  }
}

FNR == NR {
  if (/^#/ || NF < 3) next
  name[++n] = $1
  processes[n] = $2
  list = list (n > 1 ? "," : "") $1
  for (i = 3; i <= NF; i++) {
    addresses[n] = addresses[n] (i > 3 ? "|" : "") substr($i, 2)
    split($i, segments, "/")
    if (!(segments[2] in seen)) roots = roots (roots == "" ? "" : "|") segments[2]
    seen[segments[2]] = 1
  }
  next
}

/^# families end/ { inside = 0 }
inside { next }
{
  gsub(/\([a-z0-9|-]*healthz[a-z0-9|-]*\|errors\)/, "(" roots "@errors)")
  gsub(/\([a-z0-9|-]*healthz[a-z0-9|-]*\)/, "(" roots ")")
  gsub(/@errors\)/, "|errors)")
  gsub(/minimall@\{[a-z,]*\}\.socket/, "minimall@{" list "}.socket")
  print
}
/^# families \(/ {
  inside = 1
  split($3, kind, /[()]/)
  block(kind[2])
}
' cgi-bin/families "$1"
}

failed=0
named=$(awk '!/^#/ { print $1 }' cgi-bin/families | sort)
there=$(for source in cgi-bin/*.c; do basename "$source" .c; done | sort)
[ "$named" = "$there" ] || {
  echo "cgi-bin/families and the sources of cgi-bin are not the same families"
  failed=1
}

made=$(mktemp)
trap 'rm -f "$made"' EXIT
for file in $targets; do
  rewritten "$file" >"$made"
  if [ "${1-}" = --write ]; then
    cmp -s "$made" "$file" || cat "$made" >"$file"
  else
    diff "$file" "$made" || {
      echo "$file: run sh tests/lint/families.sh --write"
      failed=1
    }
  fi
done
exit $failed
