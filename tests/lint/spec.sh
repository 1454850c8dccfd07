#!/bin/sh
# SPDX-License-Identifier: MIT
# What is cited of docs/spec exists, and what is built has its test (spec.mjs).
exec node "$(dirname "$0")/spec.mjs"
