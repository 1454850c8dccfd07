// SPDX-License-Identifier: MIT
// Signing in to the administrators' pages. What else there is about the signed-in user is common to all pages.

import { ApiError, send } from '../common/api.mjs';
import { call, end, store, update } from '../common/session.mjs';

export { SignedOut, call, onLost, signOut, user } from '../common/session.mjs';

// Only administrators may sign in. Fails with an ApiError.
export async function signIn(account, password) {
  const { body } = await send('POST', '/api/auth/login', { body: { account, password } });
  if (body.user.permission_level < 1) {
    await send('POST', '/api/auth/logout', { token: body.token }).catch(() => {}); // its token is discarded in any case
    throw new ApiError('这个账号不是管理员，不能进入管理后台。', { status: 403 });
  }
  store(body);
}

// Checks whether the session is still valid. Public lists silently treat an invalid token as absent, so every page
// checks this first.
export async function check(signal) {
  const { body } = await call('GET', '/api/auth/me', { signal });
  if (body.permission_level < 1) throw end();
  update(body);
}
