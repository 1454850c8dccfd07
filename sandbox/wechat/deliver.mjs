// SPDX-License-Identifier: MIT
// Delivers a notification to the shop: encrypted, signed, in any number of copies, and tampered with on request.
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from './errors.mjs';
import { isLoopback } from './rules.mjs';
import { seal, corrupt } from './sign.mjs';

const ANSWER_MS = 10_000; // WeChat gives up after 5 s; tests measure the actual delay
const ANSWER_BYTES_MAX = 65_536;
const OLD_S = 301;
const FRAMING = ['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade'];

// Ways to tamper with any notification; each kind adds changes of its own plain text as
// `plain`.
export const TAMPERS = {
  ciphertext: { damaged: true },
  timestamp: { ageS: OLD_S },
  signature: { corrupted: true },
};

export const whole = (min, max) => (value) => Number.isSafeInteger(value) && value >= min && value <= max;
export const flag = (value) => typeof value === 'boolean';
export const oneOf = (names) => [(value) => names.includes(value), `one of ${names.join(' ')}`];
const line = (max) => (value) => typeof value === 'string' && value.length <= max && /^[\x20-\x7e]+$/.test(value);

function headerMap(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, content]) => {
    if (!/^[A-Za-z0-9-]{1,64}$/.test(name) || FRAMING.includes(name.toLowerCase())) return false;
    if (content === null) return true;
    const lines = Array.isArray(content) ? content : [content];
    return lines.length <= 4 && lines.every((l) => typeof l === 'string' && /^[\x20-\x7e]{0,4096}$/.test(l));
  });
}

// A row: is the value valid, and a description of valid values.
export const OPTIONS = {
  times: [whole(1, 200), 'an integer from 1 to 200'],
  delay_ms: [whole(0, 60_000), 'an integer from 0 to 60000'],
  notify: [flag, 'true or false'],
  reorder: [flag, 'true or false'],
  age_s: [whole(-100_000_000, 100_000_000), 'an integer'],
  event_id: [line(256), 'a line of ASCII'],
  serial: [line(256), 'a line of ASCII'],
  headers: [headerMap, 'an object of header lines: text, a list of texts, or null'],
};

// The body of POST /pay or POST /refund, validated by a table such as the one above.
export function readOptions(body, table) {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(table, name)) {
      throw new SandboxError(400, `unknown option ${name}: one of ${Object.keys(table).join(' ')}`);
    }
    const [valid, meaning] = table[name];
    if (!valid(value)) throw new SandboxError(400, `${name} must be ${meaning}`);
  }
  if (body.tamper && body.notify === false) {
    throw new SandboxError(400, 'only a notification can be tampered with: notify must be true');
  }
  return { times: 1, delay_ms: 0, notify: true, reorder: false, headers: {}, ...body };
}

function backwards(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, backwards(inner)]));
}

function buildBody({ event, type, summary, kind, plain, tamper }, apiV3Key) {
  tamper.plain?.(plain);
  const sealed = seal(JSON.stringify(plain), kind, apiV3Key, tamper.damaged);
  return {
    id: event.id,
    create_time: event.create_time,
    resource_type: 'encrypt-resource',
    event_type: type,
    summary,
    resource: { original_type: kind, ...sealed },
  };
}

// One copy: its own timestamp and signature over the body that all copies share.
function buildCopy(body, options, { tamper }, { sign, clock }) {
  const signedText = JSON.stringify(body);
  const headers = {
    'User-Agent': 'Mozilla/4.0',
    Accept: '*/*',
    'Content-Type': 'application/json',
    ...sign(signedText, clock.seconds() - (options.age_s ?? tamper.ageS ?? 0)),
  };
  if (tamper.corrupted) headers['Wechatpay-Signature'] = corrupt(headers['Wechatpay-Signature']);
  if (options.serial !== undefined) headers['Wechatpay-Serial'] = options.serial;
  for (const [name, value] of Object.entries(options.headers)) {
    for (const own of Object.keys(headers)) if (own.toLowerCase() === name.toLowerCase()) delete headers[own];
    if (value !== null) headers[name] = value;
  }
  return { headers, text: options.reorder ? JSON.stringify(backwards(body)) : signedText };
}

// Resolves to { status, body, ms }, or status 0 and the error: a failure of the shop is also a result.
function post(address, { headers, text }, signal) {
  const url = new URL(address);
  if (!isLoopback(url.hostname)) {
    return { status: 0, body: '', ms: 0, error: `${url.hostname} is not this machine: the sandbox calls nobody else` };
  }
  const started = performance.now();
  return new Promise((resolve) => {
    let late = null;
    const finish = (result) => {
      clearTimeout(late);
      resolve({ ...result, ms: Math.round(performance.now() - started) });
    };
    const fail = (error) => finish({ status: 0, body: '', error: error.message });
    const options = {
      method: 'POST',
      agent: false, // each of WeChat's calls uses a new connection
      headers: { ...headers, 'Content-Length': Buffer.byteLength(text) },
      signal,
    };
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      const chunks = [];
      let size = 0;
      response.on('data', (chunk) => {
        size += chunk.length;
        if (size <= ANSWER_BYTES_MAX) chunks.push(chunk);
        else request.destroy(new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.on('error', fail);
      response.on('end', () => {
        finish({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
      });
    });
    late = setTimeout(() => request.destroy(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    request.on('error', fail);
    request.end(text);
  });
}

// Resolves to the shop's last response; with several copies, also to all of them.
//   notice   { event: { id, create_time }, type, summary, kind, plain, tamper, address, about }
//   context  { clock, sign, apiV3Key, signal, log }
export async function deliver(notice, options, context) {
  const body = buildBody(notice, context.apiV3Key);
  await sleep(options.delay_ms, undefined, { signal: context.signal });

  let last;
  const answers = await Promise.all(Array.from({ length: options.times }, async () => {
    const answer = await post(notice.address, buildCopy(body, options, notice, context), context.signal);
    last = answer;
    return answer;
  }));
  const what = options.tamper ? `${options.tamper} tampered` : 'genuine';
  const outcome = answers.map((answer) => answer.error ?? answer.status).join(' ');
  context.log(`notification ${notice.event.id} of ${notice.about} (${what}): ${outcome}`);
  return options.times > 1 ? { ...last, answers } : last;
}
