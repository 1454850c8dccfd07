// SPDX-License-Identifier: MIT
// The signed-in user, and API calls as that user. The tokens are kept as long as the browser tab.

import { ApiError, send } from '../common/api.mjs';

const KEY = 'minimall.session';

export class SignedOut extends ApiError {
  constructor() {
    super('登录已失效，请重新登录。', { status: 401 });
    this.name = 'SignedOut';
  }
}

let lost = () => {};
let renewing = null;

// Calls `listener` with the user's id when the session is found to have ended.
export function onLost(listener) {
  lost = listener;
}

// The signed-in user, or null.
export function user() {
  return stored()?.user ?? null;
}

// Only administrators may sign in. Fails with an ApiError.
export async function signIn(account, password) {
  const { body } = await send('POST', '/api/auth/login', { body: { account, password } });
  if (body.user.permission_level < 1) {
    await send('POST', '/api/auth/logout', { token: body.token }).catch(() => {}); // its token is discarded in any case
    throw new ApiError('这个账号不是管理员，不能进入管理后台。', { status: 403 });
  }
  store(body);
}

// Also ends the session on the server. Returns false when the server could not be reached.
export async function signOut() {
  try {
    await authorized('POST', '/api/auth/logout');
    return true;
  } catch (error) {
    return error instanceof SignedOut;
  } finally {
    sessionStorage.removeItem(KEY);
  }
}

// Checks whether the session is still valid. Public lists silently treat an invalid token as absent, so every page
// checks this first.
export async function check(signal) {
  const { body } = await call('GET', '/api/auth/me', { signal });
  if (body.permission_level < 1) throw end();
  const kept = stored();
  if (kept) store({ ...kept, user: body });
}

// send() as the signed-in user. Fails with SignedOut, after calling the listener, when nobody is signed in any more.
export async function call(method, target, options) {
  const who = user()?.user_id;
  try {
    return await authorized(method, target, options);
  } catch (error) {
    if (error instanceof SignedOut) lost(who);
    throw error;
  }
}

async function authorized(method, target, options = {}) {
  const { token } = stored() ?? {};
  if (!token) throw end();
  try {
    return await send(method, target, { ...options, token });
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  await renew(token);
  try {
    return await send(method, target, { ...options, token: stored()?.token });
  } catch (error) {
    throw error.status === 401 ? end() : error;
  }
}

// A refresh token can be used once, so concurrent refused calls wait for one refresh.
async function renew(refused) {
  if (stored()?.token !== refused) return;
  renewing ??= send('POST', '/api/auth/refresh', { body: { refresh_token: stored().refresh_token } })
    .then(({ body }) => { if (stored()) store({ ...body, user: stored().user }); })
    .finally(() => { renewing = null; });
  try {
    await renewing;
  } catch (error) {
    throw error.status === 401 ? end() : error;
  }
}

function end() {
  sessionStorage.removeItem(KEY);
  return new SignedOut();
}

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

function store({ token, refresh_token, user: who }) {
  sessionStorage.setItem(KEY, JSON.stringify({ token, refresh_token, user: who }));
}
