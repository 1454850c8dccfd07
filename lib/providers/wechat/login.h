/* SPDX-License-Identifier: MIT */
/*
 * login.h - WeChat's jscode2session (PAYMENTS.md 1.1, 1.2).
 * The session_key is never returned, stored or logged, nor the URL, which contains
 * the secret.
 */
#ifndef PROVIDERS_WECHAT_LOGIN_H
#define PROVIDERS_WECHAT_LOGIN_H

#include "base/ctx.h"

/*
 * Exchange a wx.login code for the user's openid (in the arena).
 * Fails as PAYMENTS.md 1.1's table says: LOGIN_CODE_INVALID, RATE_LIMITED,
 * ACCOUNT_BLOCKED, PROVIDER_CONFIG (alarm), PROVIDER_BUSY, PROVIDER_UNKNOWN,
 * PROVIDER_REFUSED (502, any other errcode), INVALID (41008).
 */
enum err wxlogin_openid(struct ctx *c, const char *code, const char **openid) MUST;

#endif
