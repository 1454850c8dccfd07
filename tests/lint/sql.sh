#!/bin/sh
# SPDX-License-Identifier: MIT
# SQL is in its place, and each table is written by its owner alone (sql.mjs).
exec node "$(dirname "$0")/sql.mjs"
