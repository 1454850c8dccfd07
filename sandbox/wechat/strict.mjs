// SPDX-License-Identifier: MIT
// Checks of requests to WeChat Pay v3: mandatory headers and the signature.
import { paramError, signError } from './errors.mjs';
import { makeVerifier, requestMessage } from './sign.mjs';

const WINDOW_S = 300;
const NONCES_MAX = 100_000;
const SCHEME = 'WECHATPAY2-SHA256-RSA2048 ';
const ITEMS = {
  mchid: /^\d{1,32}$/,
  nonce_str: /^[0-9A-Za-z]{1,32}$/,
  timestamp: /^[1-9]\d{9}$/,
  serial_no: /^[0-9A-Fa-f]{40}$/,
  signature: /^[0-9A-Za-z+/=]{1,1024}$/,
};

// Node silently keeps the first of a repeated header: only the raw list shows it.
function header(request, name) {
  const values = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i].toLowerCase() === name) values.push(request.rawHeaders[i + 1]);
  }
  if (values.length > 1) {
    throw name === 'authorization'
      ? signError('Authorization', 'is given more than once')
      : paramError(name, values.join(), 'is given more than once', 'header');
  }
  return values[0];
}

function checkHeaders(request, raw, platformSerials) {
  const accept = header(request, 'accept') ?? '';
  const types = accept.split(',').map((part) => part.split(';')[0].trim().toLowerCase());
  if (!types.includes('application/json') && !types.includes('*/*')) {
    throw paramError('Accept', accept, 'must allow application/json', 'header');
  }
  if (!header(request, 'user-agent')?.trim()) throw paramError('User-Agent', '', 'is required', 'header');
  const type = header(request, 'content-type') ?? '';
  if (request.method === 'GET' && raw.length > 0) throw paramError('', '', 'must be empty for GET');
  if (raw.length > 0 && !/^application\/json(; *charset=utf-8)?$/i.test(type)) {
    throw paramError('Content-Type', type, 'must be application/json', 'header');
  }
  const serial = header(request, 'wechatpay-serial');
  if (serial !== undefined && !platformSerials.includes(serial)) {
    throw paramError('Wechatpay-Serial', serial, 'is not the id of a key in use', 'header');
  }
}

// Five items, each once, in any order, nothing else.
function parseAuthorization(value) {
  if (!value?.startsWith(SCHEME)) throw signError('Authorization', `must begin with ${SCHEME.trim()} and one space`);
  const items = {};
  for (const part of value.slice(SCHEME.length).split(',')) {
    const [, name, content] = /^([a-z_]+)="([^"]*)"$/.exec(part) ?? [];
    if (!Object.hasOwn(ITEMS, name ?? '')) throw signError('Authorization', 'has an item that does not belong there');
    if (Object.hasOwn(items, name)) throw signError(name, 'is given twice');
    if (!ITEMS[name].test(content)) throw signError(name, `must match ${ITEMS[name].source}`);
    items[name] = content;
  }
  for (const name of Object.keys(ITEMS)) if (!Object.hasOwn(items, name)) throw signError(name, 'is missing');
  return items;
}

// Returns check(request, raw body), which throws a Refusal for a request that WeChat would refuse.
export function makeGate({ mchid, merchantSerial, merchantPublicKey, platformSerials, clock }) {
  const verify = makeVerifier(merchantPublicKey);
  const nonces = new Set();
  return (request, raw) => {
    checkHeaders(request, raw, platformSerials);
    const auth = parseAuthorization(header(request, 'authorization'));
    const message = requestMessage(request.method, request.url, auth.timestamp, auth.nonce_str, raw);
    const awayS = Math.abs(clock.seconds() - Number(auth.timestamp));

    if (auth.mchid !== mchid) throw signError('mchid', 'is not a merchant here');
    if (auth.serial_no.toUpperCase() !== merchantSerial.toUpperCase()) {
      throw signError('serial_no', 'is not a certificate of this merchant');
    }
    if (awayS >= WINDOW_S) throw signError('timestamp', `is ${awayS} s away from the clock here`);
    if (nonces.has(auth.nonce_str)) throw signError('nonce_str', 'was used before');
    if (!verify(message, auth.signature)) throw signError('signature', 'does not match the request');
    nonces.add(auth.nonce_str);
    if (nonces.size > NONCES_MAX) nonces.delete(nonces.values().next().value);
  };
}
