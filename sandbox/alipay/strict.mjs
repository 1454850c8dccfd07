// SPDX-License-Identifier: MIT
// Checks of requests to gateway.do: the public parameters and the signature.
import { fromLocal } from '../lib/clock.mjs';
import { Refusal } from './errors.mjs';
import { METHODS } from './routes.mjs';
import { checkAddress } from './rules.mjs';
import { makeVerifier, signedText } from './sign.mjs';

// How far a timestamp may be away. Alipay's own limits are not published: a call is made at once, and a time of another zone
// must be noticed; an address of a payment may be opened later.
const CALL_WINDOW_MS = 15 * 60_000;
const PAGE_WINDOW_MS = 24 * 3_600_000;
const URL_MAX = 2048; // what browsers and Alipay's pages take in practice
const FORM = /^application\/x-www-form-urlencoded(; *charset=utf-8)?$/i;
const NAMES = [
  'app_id', 'method', 'format', 'charset', 'sign_type', 'sign', 'timestamp', 'version', 'notify_url', 'return_url',
  'app_cert_sn', 'alipay_root_cert_sn', 'biz_content', 'alipay_sdk',
];

function addParams(params, source) {
  if (/%(?![0-9a-f]{2})/i.test(source)) throw new Refusal('isv.invalid-encoding');
  for (const [name, value] of new URLSearchParams(source)) {
    if (value.includes('\ufffd')) throw new Refusal('isv.invalid-encoding', name);
    if (!NAMES.includes(name)) throw new Refusal('isv.invalid-parameter', `${name} is not known`);
    if (Object.hasOwn(params, name)) throw new Refusal('isv.invalid-parameter', `${name} is given twice`);
    params[name] = value;
  }
}

// Parameters are taken from the query and from a form alike.
export function readParams({ request, search, raw }) {
  const params = {};
  if (raw === null) throw new Refusal('isv.invalid-parameter', 'the body is too large');
  if (!['GET', 'POST'].includes(request.method)) throw new Refusal('isv.invalid-parameter', 'the HTTP method is neither GET nor POST');
  if (request.method === 'GET' && request.url.length > URL_MAX) throw new Refusal('isv.url-too-long', `${request.url.length} bytes`);
  addParams(params, search);
  if (raw.length === 0) return params;
  if (request.method === 'GET') throw new Refusal('isv.invalid-parameter', 'GET with a body');
  if (!FORM.test(request.headers['content-type'] ?? '')) throw new Refusal('isv.invalid-parameter', 'the body is not a form');
  addParams(params, raw.toString());
  return params;
}

function checkNames(params) {
  const needed = { 'app-id': 'app_id', method: 'method', 'signature-type': 'sign_type', signature: 'sign', timestamp: 'timestamp', version: 'version' };
  for (const [name, param] of Object.entries(needed)) if (!params[param]) throw new Refusal(`isv.missing-${name}`);
  if (!Object.hasOwn(METHODS, params.method)) throw new Refusal('isv.invalid-method', params.method);
}

function checkValues(params, now) {
  if ((params.format ?? 'JSON').toUpperCase() !== 'JSON') throw new Refusal('isv.invalid-format');
  if ((params.charset ?? '').toLowerCase() !== 'utf-8') throw new Refusal('isv.invalid-charset');
  if (params.sign_type !== 'RSA2') throw new Refusal('isv.invalid-signature-type');
  if (params.version !== '1.0') throw new Refusal('isv.invalid-parameter', 'version');
  const at = fromLocal(params.timestamp);
  const window = METHODS[params.method].handle ? CALL_WINDOW_MS : PAGE_WINDOW_MS;
  if (at === null) throw new Refusal('isv.invalid-timestamp', 'not of the form 2026-01-31 23:59:59');
  if (Math.abs(now - at) > window) throw new Refusal('isv.invalid-timestamp', `${Math.round((now - at) / 1000)} s away from the clock here`);
  for (const name of ['notify_url', 'return_url']) if (params[name] !== undefined) checkAddress(name, params[name]);
}

// serials: { app_cert_sn, alipay_root_cert_sn } in certificate mode, otherwise null: then none may be given.
function checkSerials(params, serials) {
  for (const name of ['app_cert_sn', 'alipay_root_cert_sn']) {
    const hyphened = name.replaceAll('_', '-');
    if (serials && !params[name]) throw new Refusal(`isv.missing-${hyphened}`);
    if (params[name] !== serials?.[name]) throw new Refusal(`isv.invalid-${hyphened}`);
  }
}

// Returns check(params), which throws a Refusal for a request that Alipay would refuse; identified: the app is known, so the
// refusal is signed.
export function makeGate({ appId, appPublicKey, serials, clock }) {
  const verify = makeVerifier(appPublicKey);
  return (params) => {
    checkNames(params);
    if (params.app_id !== appId) throw new Refusal('isv.invalid-app-id');
    checkSerials(params, serials);
    const text = signedText(params);
    if (!verify(text, params.sign)) throw new Refusal('isv.invalid-signature', `网关生成的验签字符串为：${text.replaceAll('&', '&amp;')}`);
    checkValues(params, clock.ms());
  };
}
