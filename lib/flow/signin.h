/* SPDX-License-Identifier: MIT */
/*
 * signin.h - signing in with WeChat: the code goes to WeChat, the openid becomes a user.
 */
#ifndef FLOW_SIGNIN_H
#define FLOW_SIGNIN_H

#include "shop/people/session.h"

/* Fails: as wxlogin_openid, and as the database does. */
enum err signin_wechat(struct ctx *c, const char *code, struct session *out) MUST;

#endif
