#!/bin/sh
# SPDX-License-Identifier: MIT
# Where SQL may be, and that only a table's owner writes to it (sql.mjs).
exec node "$(dirname "$0")/sql.mjs"
