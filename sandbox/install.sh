#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what minimall needs to build and run: Debian packages, then the npm packages of sandbox/.
#   sh sandbox/install.sh             what is missing, as root or through sudo; silent and fast when nothing is; with
#                                     SERVER=apache in the environment, Apache too
#   sh sandbox/install.sh --test      also what only the tests need
#   sh sandbox/install.sh --bench     also what `make bench` compares with
#   sh sandbox/install.sh --packages  only the Debian packages, for an administrator (as root)
# No service of a package is started or enabled; existing services are unchanged.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
log=$root/var/log/install.log

# name|an acceptable alternative
run_packages='curl gcc make pkg-config|pkgconf libc6-dev libfcgi-dev libjson-c-dev libmariadb-dev libssl-dev
  libcurl4-openssl-dev|libcurl4-gnutls-dev libcrypt-dev liblmdb-dev zlib1g-dev libzip-dev libhiredis-dev libcmocka-dev
  mariadb-server-core mariadb-client-core lighttpd'
# Apache's program and modules, without the package that makes it a service
apache_packages='apache2-bin spawn-fcgi'
# one run of the tests needs it, and is skipped without it
galera_packages=galera-4
test_packages="cppcheck clang-format clang libclang-rt-dev|libclang-rt-14-dev groff-base chromium redis-server strace valgrind $apache_packages libapache2-mod-fcgid"
bench_packages='php8.2-fpm php8.2-mysql'

# what the installation of these packages would enable
units='lighttpd.service redis-server.service php8.2-fpm.service phpsessionclean.timer'

fail() {
  echo "minimall: $*" >&2
  exit 1
}

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints those of the wanted packages that are not installed.
missing_packages() {
  for choice in $1; do
    first=${choice%%|*}
    installed "$first" || installed "${choice##*|}" || printf '%s ' "$first"
  done
  # a Node installed in another way will do
  command -v node >/dev/null || printf 'nodejs '
  command -v npm >/dev/null || printf 'npm '
}

# As root: installs packages. Services must start neither now nor at the next boot, unless they existed before.
install_packages() {
  policy=/usr/sbin/policy-rc.d
  new=
  for unit in $units; do
    [ -e "/lib/systemd/system/$unit" ] || [ -e "/etc/init.d/${unit%.*}" ] || new="$new $unit"
  done
  if [ ! -e $policy ]; then
    trap 'rm -f '$policy EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -o DPkg::Lock::Timeout=300 update
  apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"
  for unit in $new; do
    if [ -e "/lib/systemd/system/$unit" ] && command -v systemctl >/dev/null; then systemctl disable "$unit"; fi
    [ ! -e "/etc/init.d/${unit%.*}" ] || update-rc.d "${unit%.*}" disable
  done
}

# Runs a slow command quietly: its output goes to the log, whose end is shown if it fails.
quietly() {
  mkdir -p "$root/var/log"
  echo "--- $(date): $*" >>"$log"
  lines=$(wc -l <"$log")
  "$@" >>"$log" 2>&1 || {
    tail -n "+$((lines + 1))" "$log" | tail -n 20 >&2
    fail "that failed; all of its output is in $log"
  }
}

ask_administrator() {
  echo "minimall needs these Debian packages: $1" >&2
  echo "Neither root nor sudo is at hand. Ask an administrator to run, as root:" >&2
  echo "  sh '$root/sandbox/install.sh' --packages $1" >&2
  exit 1
}

add_packages() {
  # shellcheck disable=SC2086 # a list of words
  set -- $1
  said="installing Debian packages ($*)"
  if [ "$(id -u)" = 0 ]; then
    echo "==> $said: a minute or more …"
    quietly sh "$root/sandbox/install.sh" --packages "$@"
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && echo "==> $said needs sudo" && sudo -v; }; }; then
    echo "==> $said through sudo: a minute or more …"
    quietly sudo sh "$root/sandbox/install.sh" --packages "$@"
  else
    ask_administrator "$*"
  fi
}

check_node() {
  version=$(node --version)
  major=${version#v}
  [ "${major%%.*}" -ge 18 ] || fail "the node on your PATH is $version; 18 or newer is needed"
}

# The npm packages are up to date when the lock file is the one that they were installed from.
add_npm_packages() {
  cd "$root/sandbox"
  stamp=node_modules/.installed-from
  cmp -s package-lock.json $stamp && return
  echo "==> installing the npm packages of the sandbox: a minute or less …"
  quietly npm ci --no-audit --no-fund
  cp package-lock.json $stamp
}

wanted=$run_packages
[ "${SERVER:-lighttpd}" != apache ] || wanted="$run_packages $apache_packages"
case ${1-} in
'') ;;
--test) wanted="$run_packages $test_packages" ;;
--bench) wanted="$run_packages $bench_packages" ;;
--packages)
  shift
  [ "$(id -u)" = 0 ] || fail '--packages is for root'
  # shellcheck disable=SC2046 # a list of words
  [ $# -gt 0 ] || set -- $(missing_packages "$wanted")
  [ $# -eq 0 ] || install_packages "$@"
  exit
  ;;
*) fail "unknown option $1" ;;
esac

command -v dpkg-query >/dev/null || fail 'this needs Debian 12 or a relative of it'
missing=$(missing_packages "$wanted")
[ -z "$missing" ] || add_packages "$missing"
if [ "${1-}" = --test ] && [ "${DB-}" = galera ]; then
  missing=$(missing_packages "$galera_packages")
  [ -z "$missing" ] || (add_packages "$missing") || echo 'minimall: the tests with DB=galera will be skipped' >&2
fi
check_node
add_npm_packages
