#!/bin/sh
# SPDX-License-Identifier: MIT
# In cgi/ under each program's name: starts the program with the settings, independent of the host's environment.
export MINIMALL_CONFIG=/var/www/shop/minimall/etc/minimall.conf
exec "/var/www/shop/minimall/lib/minimall/cgi-bin/${0##*/}"
