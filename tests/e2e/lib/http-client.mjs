// SPDX-License-Identifier: MIT
// One HTTP request over connections that are kept. node:http and not fetch(), which costs four times the processor's time:
// the tests make some ten thousands of requests.

import http from 'node:http';

// A connection at rest is given up before any server that the tests talk with does so.
const agent = new http.Agent({ keepAlive: true, timeout: 4000 });

// body: a text or bytes. Resolves to { status, headers, text }, headers being a Headers; redirections are not followed. Rejects
// with "no answer" and the cause, also when the answer breaks off.
export function request(url, { method = 'GET', headers = {}, body, signal } = {}) {
  return new Promise((resolve, reject) => {
    const fail = (cause) => reject(new Error('no answer', { cause }));
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = http.request(url, { method, agent, signal, headers: { ...length, ...headers } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', fail);
      response.on('end', () => resolve({
        status: response.statusCode, headers: headersOf(response.rawHeaders), text: Buffer.concat(parts).toString('utf8'),
      }));
    });
    sent.on('error', fail);
    sent.end(body);
  });
}

function headersOf(raw) {
  const headers = new Headers();
  for (let i = 0; i < raw.length; i += 2) headers.append(raw[i], raw[i + 1]);
  return headers;
}
