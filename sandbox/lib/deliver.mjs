// SPDX-License-Identifier: MIT
// Delivers a notification to the shop, in any number of copies, and reports the result.
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from './errors.mjs';

const ANSWER_MS = 10_000; // WeChat gives up after 5 s; tests measure the actual delay
const ANSWER_BYTES_MAX = 65_536;
const FRAMING = ['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade'];

export const NOT_NOTIFIED = { status: null, body: null }; // the response when the shop was not notified

export const whole = (min, max) => (value) => Number.isSafeInteger(value) && value >= min && value <= max;
export const flag = (value) => typeof value === 'boolean';
export const oneOf = (names) => [(value) => names.includes(value), `one of ${names.join(' ')}`];

function headerMap(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, content]) => {
    if (!/^[A-Za-z0-9-]{1,64}$/.test(name) || FRAMING.includes(name.toLowerCase())) return false;
    if (content === null) return true;
    const lines = Array.isArray(content) ? content : [content];
    return lines.length <= 4 && lines.every((l) => typeof l === 'string' && /^[\x20-\x7e]{0,4096}$/.test(l));
  });
}

// The options of every delivery. A row: is the value valid, and a description of valid values.
export const OPTIONS = {
  times: [whole(1, 200), 'an integer from 1 to 200'],
  delay_ms: [whole(0, 60_000), 'an integer from 0 to 60000'],
  notify: [flag, 'true or false'],
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
  return { times: 1, delay_ms: 0, notify: true, headers: {}, ...body };
}

export function isLoopback(hostname) {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
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
      agent: false, // each of a provider's calls uses a new connection
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

function changed(own, changes) {
  const headers = { ...own };
  for (const [name, value] of Object.entries(changes)) {
    for (const known of Object.keys(headers)) if (known.toLowerCase() === name.toLowerCase()) delete headers[known];
    if (value !== null) headers[name] = value;
  }
  return headers;
}

// Resolves to the shop's last response; with several copies, also to all of them.
//   makeCopy  returns { headers, text } for each copy
//   about     for the log: the notification
//   fault     one of FaultSwitches.take(), for simulators that have faults of notifications
export async function deliver({ address, makeCopy, about, fault = { delayMs: 0 } }, options, { signal, log }) {
  await sleep(options.delay_ms, undefined, { signal });
  if (fault.delayMs > 0) await sleep(fault.delayMs, undefined, { signal: AbortSignal.any([signal, fault.cleared]) }).catch(() => signal.throwIfAborted());
  const times = options.times * (fault.copies ?? 1);
  if (times === 0) {
    log(`notification ${about}: lost`);
    return NOT_NOTIFIED;
  }
  let last;
  const answers = await Promise.all(Array.from({ length: times }, async () => {
    const { headers, text } = makeCopy();
    const answer = await post(address, { headers: changed(headers, options.headers), text }, signal);
    last = answer;
    return answer;
  }));
  const what = options.tamper ? `${options.tamper} tampered` : 'genuine';
  log(`notification ${about} (${what}): ${answers.map((answer) => answer.error ?? answer.status).join(' ')}`);
  return times > 1 ? { ...last, answers } : last;
}
