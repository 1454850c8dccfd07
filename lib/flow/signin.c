/* SPDX-License-Identifier: MIT */
#include "flow/signin.h"

#include "providers/wechat/login.h"

enum err signin_wechat(struct ctx *c, const char *code, struct session *out)
{
	const char *openid;

	TRY(wxlogin_openid(c, code, &openid));
	return session_open_openid(c, openid, out);
}
