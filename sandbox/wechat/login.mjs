// SPDX-License-Identifier: MIT
// sns/jscode2session: a login code for an openid, with WeChat's answers to wrong calls.
import { randomBytes } from 'node:crypto';

const NAME = /^[0-9A-Za-z_.-]{1,48}$/;
const ERRMSG = {
  '-1': 'system error',
  0: 'ok',
  40001: 'invalid credential, access_token is invalid or not latest',
  40002: 'invalid grant_type',
  40013: 'invalid appid',
  40029: 'invalid code',
  40125: 'invalid appsecret',
  40163: 'code been used',
  40164: 'invalid ip, not in whitelist',
  40226: 'code blocked',
  41002: 'appid missing',
  41004: 'appsecret missing',
  41008: 'missing code',
  43001: 'require GET method',
  45009: 'reach max api daily quota limit',
  45011: 'api minute-quota reach limit, must slower, retry next minute',
};

export const isOpenid = (openid) => openid.startsWith('sandbox-') && NAME.test(openid.slice('sandbox-'.length));

export function loginError(errcode) {
  const rid = [4, 4, 4].map((bytes) => randomBytes(bytes).toString('hex')).join('-');
  return { errcode, errmsg: `${ERRMSG[errcode] ?? 'error'}, rid: ${rid}` };
}

// The errcode of a wrong call, or 0.
export function checkLogin(method, query, { appid, secret }) {
  const one = (name) => (query.getAll(name).length > 1 ? '?' : query.get(name));
  if (method !== 'GET') return 43001;
  if (!one('appid')) return 41002;
  if (one('appid') !== appid) return 40013;
  if (!one('secret')) return 41004;
  if (one('secret') !== secret) return 40125;
  if (!one('js_code')) return 41008;
  if (one('grant_type') !== 'authorization_code') return 40002;
  return 0;
}

// sandbox:NAME[:once-XYZ][:unionid] is the user sandbox-NAME; sandbox:err:ERRCODE returns that errcode.
export function login(code, state) {
  const [realm, name, ...options] = code.split(':');
  if (realm === 'sandbox' && name === 'err' && options.length === 1 && /^-?\d{1,6}$/.test(options[0])) {
    return loginError(Number(options[0]));
  }
  const known = options.every((option) => option === 'unionid' || /^once-[\x21-\x7e]{1,64}$/.test(option));
  if (realm !== 'sandbox' || !NAME.test(name ?? '') || !known) return loginError(40029);
  if (options.some((option) => option.startsWith('once-')) && !state.useCode(code)) return loginError(40163);

  const sessionKey = randomBytes(16).toString('base64');
  state.addSessionKey(sessionKey);
  return {
    session_key: sessionKey,
    openid: `sandbox-${name}`,
    ...(options.includes('unionid') && { unionid: `sandbox-union-${name}` }),
  };
}
