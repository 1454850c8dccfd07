#!/bin/sh
# SPDX-License-Identifier: MIT
# Which layer may include which, which room of lib/shop which other (rooms.txt), and the only file that may include each
# third-party library's header.
set -eu
cd "$(dirname "$0")/../.."

find lib cgi-bin cli -name '*.[ch]' 2>/dev/null | sort | xargs -r awk '
BEGIN {
  may["base"] = " base "
  may["ext"] = " base ext "
  may["web"] = " base ext web "
  may["providers"] = " base ext providers/provider.h providers/common.h providers/bill.h " # and anything in its own folder
  may["shop"] = " base ext shop "
  may["flow"] = " base ext shop providers/provider.h flow "
  may["cgi-bin"] = " base web shop flow ext/db.h " # ext/db.h: only for the names of db_limits_*
  may["cli"] = " base ext shop flow command.h "

  while ((getline line < "tests/lint/rooms.txt") > 0) {
    room = line
    sub(/ .*/, "", room)
    if (room != "#")
      rooms[room] = line " "
  }

  home["mysql.h"] = home["mysql/"] = home["mariadb/"] = home["errmsg.h"] = home["mysqld_error.h"] = "db"
  home["json-c/"] = "json"
  home["openssl/"] = home["crypt.h"] = "(crypto|base64)"
  home["curl/"] = "http"
  home["dlfcn.h"] = "http_curl" # libcurl, loaded when it is needed
  home["fcgiapp.h"] = home["fcgi_stdio.h"] = home["fastcgi.h"] = "fcgi"
  home["zlib.h"] = "gunzip"
  home["zip.h"] = "unzip"
  home["lmdb.h"] = "state_lmdb"
  home["hiredis/"] = "state_redis"

  n = split("arpa/ assert.h ctype.h dirent.h errno.h fcntl.h getopt.h glob.h grp.h iconv.h inttypes.h limits.h " \
    "locale.h netdb.h netinet/ poll.h pthread.h pwd.h sched.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h stdbool.h " \
    "stddef.h stdint.h stdio.h stdlib.h string.h strings.h sys/ termios.h time.h unistd.h wctype.h", names)
  while (n > 0)
    libc[names[n--]] = 1
}
function fault(text) {
  print FILENAME ":" FNR ": " text
  failed = 1
}
/^[ \t]*#[ \t]*include/ {
  split(FILENAME, part, "/")
  layer = part[1] == "lib" ? part[2] : part[1]
  name = $0
  sub(/^[^"<]*["<]/, "", name)
  sub(/[">].*/, "", name)
  if ($0 !~ /["<]/) {
    fault("an include must name its header")
  } else if ($0 ~ /"/) {
    split(name, want, "/")
    own = layer == "providers" && part[4] != "" ? "providers/" part[3] "/" : ""
    if (!(layer in may))
      fault("an unknown layer")
    else if (own != "" && index(name, own) == 1)
      next
    else if (FILENAME == "lib/flow/signin.c" && name == "providers/wechat/login.h")
      next # signing in is no payment, and WeChat the only way of it by a provider
    else if (index(may[layer], " " want[1] " ") == 0 && index(may[layer], " " name " ") == 0)
      fault(layer " may not include " name)
    else if (layer == "shop" && want[1] == "shop" && index(" " rooms[part[3]], " " want[2] " ") == 0)
      fault("the room " part[3] " may not include " name)
    else if (name ~ /_(internal|sql)\.h$/ && FILENAME !~ ("^lib/" substr(name, 1, match(name, /[^\/]*$/) - 1) "[^/]*$"))
      fault(name " is for its own folder alone")
  } else {
    top = name
    sub(/\/.*/, "/", top)
    if (top in home) {
      if (FILENAME !~ "^lib/ext/" home[top] "([a-z0-9_]*\\.c|_internal\\.h)$")
        fault("<" name "> belongs in lib/ext/" home[top] "*.c alone")
    } else if (!(top in libc)) {
      fault("<" name "> is no header of libc, and of no library that this project uses")
    }
  }
}
# of ext/db.h an executable may use the limits, never a statement
/db_[a-z]+[ \t]*\(/ && FILENAME ~ /^cgi-bin\// {
  fault("an executable may not talk to the database")
}
END { exit failed }'
