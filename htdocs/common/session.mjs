// SPDX-License-Identifier: MIT
// The signed-in user of these pages, and API calls as that user. The tokens are kept as long as the browser tab.

import { ApiError, send } from './api.mjs';

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

// What the API says of the user by now.
export function update(who) {
  const kept = stored();
  if (kept) store({ ...kept, user: who });
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

// The session has ended; returns the error that says so.
export function end() {
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

// A new session: what signing in or a refresh answered.
export function store({ token, refresh_token, user: who }) {
  sessionStorage.setItem(KEY, JSON.stringify({ token, refresh_token, user: who }));
}
