#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/openapi.json is what the programs print of their routes (`X.fcgi --openapi`); builds them.
set -eu
cd "$(dirname "$0")/../.."

MAKEFLAGS="" make --no-print-directory -j"$(nproc)" MODE=release programs >/dev/null
node tests/lint/openapi.mjs
