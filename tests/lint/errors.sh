#!/bin/sh
# SPDX-License-Identifier: MIT
# The web servers' own error responses under the API's paths (BEHAVIOUR 66): htdocs/errors/, a file for each status and
# dialect (lib/web/dialect.c), whose names must end in ".html" for lighttpd. Compares them with the tables here;
#   sh tests/lint/errors.sh --write
# rewrites them. Texts that lib/base/err.def has are taken from there.
set -eu
cd "$(dirname "$0")/../.."

# status, code, text ("=": that of the code in err.def)
causes='400 MALFORMED_REQUEST =
403 FORBIDDEN =
404 NOT_FOUND =
405 METHOD_NOT_ALLOWED =
408 REQUEST_TIMEOUT 请求超时，请重试
411 LENGTH_REQUIRED 请求缺少内容长度
413 BODY_TOO_LARGE =
414 ADDRESS_TOO_LONG 请求地址过长
417 EXPECTATION_FAILED 不支持的请求预期
421 MISDIRECTED_REQUEST 请求发往了错误的主机
431 HEADERS_TOO_LARGE 请求头过大
500 INTERNAL_ERROR =
501 NOT_IMPLEMENTED 不支持的请求
502 BAD_GATEWAY 服务暂时不可用，请稍后再试
503 BUSY =
504 GATEWAY_TIMEOUT 服务响应超时，请稍后再试
505 HTTP_VERSION 不支持的 HTTP 版本'

# document DIALECT STATUS CODE TEXT; a dialect has its own codes for whole classes of causes
document() {
  code=$3
  case $1:$2 in
  membership-orders:400 | membership-orders:41[3-9] | renewal:400) code=VALIDATION_ERROR ;;
  membership-orders:5*) code=SERVER_ERROR ;;
  member-system:400 | member-system:413) code=INVALID_REQUEST_FORMAT ;;
  member-system:403) code=PERMISSION_DENIED ;;
  member-system:5*) code=INTERNAL_SERVER_ERROR ;;
  renewal:5*) code=PAYMENT_FAILED ;;
  esac
  case $1 in
  shop) printf '{"code":"%s","message":"%s"}\n' "$code" "$4" ;;
  membership-*) printf '{"success":false,"code":"%s","message":"%s"}\n' "$code" "$4" ;;
  *) printf '{"error":{"code":"%s","message":"%s","details":{}}}\n' "$code" "$4" ;;
  esac
}

write_all() {
  for dialect in shop membership-orders membership-status member-system renewal; do
    at=$1/$dialect
    [ $dialect != shop ] || at=$1 # also for requests whose path is unknown
    mkdir -p "$at"
    echo "$causes" | while read -r status code text; do
      known=$(sed -n "s/^ERR([A-Z_]*, *$status, \"$code\", *\"\(.*\)\")\$/\1/p" lib/base/err.def)
      [ "$text" != = ] || text=${known:?"err.def has no $status $code"}
      document "$dialect" "$status" "$code" "$text" >"$at/$status.html"
    done
  done
}

if [ "${1-}" = --write ]; then
  write_all htdocs/errors
  exit
fi
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
write_all "$made"
diff -r "$made" htdocs/errors
