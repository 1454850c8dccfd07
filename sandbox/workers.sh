#!/bin/sh
# Keeps so many processes of one program running, all waiting at the listening socket that this script was given as its
# standard input. One that ends is started again. To be started through spawn-fcgi, in a process group of its own:
#   spawn-fcgi -n -s users.sock -b 1024 -M 0660 -- /bin/sh workers.sh 4 users.fcgi
# Ending the group ends all of them; each finishes its request first.
set -u

count=$1
program=$2
exec 3<&0 # a shell gives its background commands no standard input

serve() {
  while :; do
    "$program" <&3 3<&-
    sleep 0.1 # one that can't start must not take the machine with it
  done
}

while [ "$count" -gt 0 ]; do
  serve &
  count=$((count - 1))
done
wait
