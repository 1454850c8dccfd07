/* SPDX-License-Identifier: MIT */
/*
 * signin.h - signing in with WeChat: exchange the code for the openid, and find or create its user.
 */
#ifndef FLOW_SIGNIN_H
#define FLOW_SIGNIN_H

#include "shop/people/session.h"

/* Fails: as wxlogin_openid, DB, DB_LOST, BUSY. */
enum err signin_wechat(struct ctx *c, const char *code, struct session *out) MUST;

#endif
