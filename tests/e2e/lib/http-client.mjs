// SPDX-License-Identifier: MIT
// One HTTP request over persistent connections. node:http rather than fetch(), which takes four times the CPU time:
// the tests make tens of thousands of requests.

import http from 'node:http';
import { checkAnswer } from './openapi.mjs';

// An idle connection is closed before any of the tested servers would close it.
const agent = new http.Agent({ keepAlive: true, timeout: 4000 });

// body: a text or bytes; from: the address to call from, 127.0.0.1 by default. Resolves to { status, headers, text }, headers being a Headers; redirects are not followed. Rejects
// with "no answer" and the cause, also when the response is incomplete, and with an AssertionError when it is not as documented.
export function request(url, { method = 'GET', headers = {}, body, signal, from } = {}) {
  return new Promise((resolve, reject) => {
    const fail = (cause) => reject(new Error('no answer', { cause }));
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = http.request(url, { method, agent, signal, localAddress: from, headers: { ...length, ...headers } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', fail);
      response.on('end', () => {
        const answer = { status: response.statusCode, headers: headersOf(response.rawHeaders), text: Buffer.concat(parts).toString('utf8') };
        try {
          checkAnswer({ method, address: sent.path, header: (name) => answer.headers.get(name), ...answer });
          resolve(answer);
        } catch (error) {
          reject(error);
        }
      });
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
