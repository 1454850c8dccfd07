/* SPDX-License-Identifier: MIT */
#include "base/json_out.h"

void json_put_name(struct str *s, const char *name)
{
	const char last = s->len > 0 ? s->p[s->len - 1] : '[';

	if (last != '{' && last != '[')
		str_addc(s, ',');
	if (name == NULL)
		return;
	str_add_json(s, name, strlen(name));
	str_addc(s, ':');
}

void json_put_object(struct str *s, const char *name)
{
	json_put_name(s, name);
	str_addc(s, '{');
}

void json_put_array(struct str *s, const char *name)
{
	json_put_name(s, name);
	str_addc(s, '[');
}

void json_put_text(struct str *s, const char *name, const char *text)
{
	json_put_name(s, name);
	str_add_json(s, text, strlen(text));
}

void json_put_int(struct str *s, const char *name, int64_t n)
{
	json_put_name(s, name);
	str_addi(s, n);
}

void json_put_bool(struct str *s, const char *name, bool yes)
{
	json_put_name(s, name);
	str_adds(s, yes ? "true" : "false");
}

void json_end_object(struct str *s)
{
	str_addc(s, '}');
}

void json_end_array(struct str *s)
{
	str_addc(s, ']');
}
