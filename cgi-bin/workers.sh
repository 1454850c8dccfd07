#!/bin/sh
# SPDX-License-Identifier: MIT
# Keeps so many processes of one program running, all waiting at the listening socket that this script was given as its
# standard input. One that ends is started again. To be started through spawn-fcgi or systemd:
#   spawn-fcgi -n -s users.sock -b 1024 -M 0600 -- /bin/sh workers.sh 4 users.fcgi
# Ending this process, in whatever way, or its group ends all of them; each finishes its request first.
set -u

# tied COMMAND…: becomes a command that the kernel sends TERM when this shell ends, be it killed. A shell that ended before
# the kernel was asked is no longer the parent.
tied() {
  # shellcheck disable=SC2016 # for the inner shell
  exec setpriv --pdeathsig TERM -- /bin/sh -c '[ "$PPID" = "$1" ] || exit 0; shift; exec "$@"' sh $$ "$@"
}

if [ "$1" = --keep ]; then
  while :; do
    (tied "$2")
    sleep 0.1 # one that can't start must not take the machine with it
  done
fi

count=$1
program=$2
exec 3<&0 # a shell gives its background commands no standard input

while [ "$count" -gt 0 ]; do
  tied /bin/sh "$0" --keep "$program" <&3 3<&- &
  count=$((count - 1))
done
wait
