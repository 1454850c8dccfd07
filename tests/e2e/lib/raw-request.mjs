// SPDX-License-Identifier: MIT
// Requests sent exactly as given, and requests directly to one process of the shop, bypassing the web server.
//
//   const { status, headers, text, json } = await rawRequest(shop, 'POST', '/api//x', { headers, body });
//   for (const socket of processSockets(shop, 'users')) await askProcess(socket, { method, uri, token, body });

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { WORKERS, serverName } from '../../../sandbox/web.mjs';
import { openFastcgi } from './fastcgi.mjs';
import { checkAnswer } from './openapi.mjs';

// headers: name → value or values. body: text or bytes; chunks: a body without a length, in these pieces.
export async function rawRequest(shop, method, address, { headers = {}, token, body, chunks } = {}) {
  const { hostname, port } = new URL(shop.baseUrl);
  const request = http.request({
    host: hostname, port, method, path: address, agent: false,
    headers: {
      ...(body === undefined && chunks === undefined ? {} : { 'content-type': 'application/json' }),
      ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== null)),
    },
  });
  if (headers['content-type'] === null) request.removeHeader('content-type');
  const answered = once(request, 'response');
  for (const chunk of chunks ?? []) request.write(chunk);
  request.end(body);
  const [response] = await answered;
  return { ...answerOf(method, address, response.statusCode, response.headers, await bytesOf(response)), raw: response.rawHeaders };
}

async function bytesOf(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

function answerOf(method, address, status, headers, bytes) {
  const text = bytes.toString('utf8');
  checkAnswer({ method, address, status, header: (name) => headers[name], text });
  const isJson = text !== '' && (headers['content-type'] ?? '').includes('json');
  return { status, headers, text, json: isJson ? JSON.parse(text) : null };
}

// One socket for each process: with lighttpd every process has its own. With Apache a family shares one, which is listed
// once per process.
export function allProcessSockets(shop) {
  const home = path.join(shop.dir, 'web');
  const names = serverName === 'apache'
    ? Object.entries(WORKERS).flatMap(([family, count]) => Array(count).fill(`${family}.sock`))
    : readdirSync(home).filter((name) => /\.sock-[0-9]+$/.test(name)).sort();
  return names.map((name) => path.join(home, name));
}

export function processSockets(shop, family) {
  return allProcessSockets(shop).filter((socket) => path.basename(socket).replace(/-[0-9]+$/, '') === `${family}.sock`);
}

// One request to the process behind a socket, on a connection of its own. headers: by their CGI names (HTTP_…).
// body: a value sent as JSON, or a raw text.
export async function askProcess(socket, { method = 'GET', uri, ...request }) {
  const connection = openFastcgi(socket);
  try {
    const { status, headers, bytes } = await connection.ask({ method, uri, ...request });
    return answerOf(method, uri, status, headers, bytes);
  } finally {
    connection.close();
  }
}
