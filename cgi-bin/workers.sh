#!/bin/sh
# SPDX-License-Identifier: MIT
# Keeps a number of processes of one program running, all accepting on the listening socket that is this script's
# standard input. One that ends is restarted. Started by spawn-fcgi or systemd:
#   spawn-fcgi -n -s users.sock -b 1024 -M 0600 -- /bin/sh workers.sh 4 users.fcgi
# When this process ends for any reason, or its group, all of them end; each finishes its request first.
set -u

# tied COMMAND…: executes a command that the kernel sends TERM when this shell ends, even if killed. If the shell ended
# before the kernel was told, it is no longer the parent.
tied() {
  # shellcheck disable=SC2016 # for the inner shell
  exec setpriv --pdeathsig TERM -- /bin/sh -c '[ "$PPID" = "$1" ] || exit 0; shift; exec "$@"' sh $$ "$@"
}

if [ "$1" = --keep ]; then
  while :; do
    (tied "$2")
    sleep 0.1 # a program that can't start must not overload the machine
  done
fi

count=$1
program=$2
exec 3<&0 # a shell redirects the standard input of background commands

while [ "$count" -gt 0 ]; do
  tied /bin/sh "$0" --keep "$program" <&3 3<&- &
  count=$((count - 1))
done
wait
