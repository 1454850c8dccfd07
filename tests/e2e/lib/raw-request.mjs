// SPDX-License-Identifier: MIT
// Requests sent exactly as given, and requests directly to one process of the shop, bypassing the web server.
//
//   const { status, headers, text, json } = await rawRequest(shop, 'POST', '/api//x', { headers, body });
//   for (const socket of processSockets(shop, 'users')) await askProcess(socket, { method, uri, token, body });

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { WORKERS, serverName } from '../../../sandbox/web.mjs';
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

// ---- FastCGI 1.0, as a web server's client ----

const BEGIN = 1;
const END = 3;
const PARAMS = 4;
const STDIN = 5;
const STDOUT = 6;
const RECORD_MAX = 0xfff8;

function record(type, content) {
  const head = Buffer.alloc(8);
  head.writeUInt8(1, 0); // version
  head.writeUInt8(type, 1);
  head.writeUInt16BE(1, 2); // request id
  head.writeUInt16BE(content.length, 4);
  return Buffer.concat([head, content]);
}

function stream(type, content) {
  const records = [];
  for (let at = 0; at < content.length; at += RECORD_MAX) records.push(record(type, content.subarray(at, at + RECORD_MAX)));
  return Buffer.concat([...records, record(type, Buffer.alloc(0))]);
}

function pairs(values) {
  const size = (n) => {
    if (n < 128) return Buffer.from([n]);
    const long = Buffer.alloc(4);
    long.writeUInt32BE(n + 0x80000000);
    return long;
  };
  return Buffer.concat(Object.entries(values).flatMap(([name, value]) => [
    size(Buffer.byteLength(name)), size(Buffer.byteLength(value)), Buffer.from(name), Buffer.from(value)]));
}

function stdoutOf(bytes) {
  const out = [];
  let ended = false;
  for (let at = 0; at + 8 <= bytes.length;) {
    const type = bytes.readUInt8(at + 1);
    const length = bytes.readUInt16BE(at + 4);
    if (type === STDOUT) out.push(bytes.subarray(at + 8, at + 8 + length));
    ended ||= type === END;
    at += 8 + length + bytes.readUInt8(at + 6);
  }
  if (!ended) throw new Error('the process ended its answer in the middle');
  return Buffer.concat(out);
}

// One request to the process behind a socket. headers: by their CGI names (HTTP_…). body: a value sent as JSON, or a raw text.
export async function askProcess(socket, { method = 'GET', uri, token, headers = {}, body, raw }) {
  const content = Buffer.from(raw ?? (body === undefined ? '' : JSON.stringify(body)));
  const begin = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]); // the responder role; the connection is closed afterwards
  const connection = connect({ path: socket });
  connection.write(Buffer.concat([
    record(BEGIN, begin),
    stream(PARAMS, pairs({
      REQUEST_METHOD: method, REQUEST_URI: uri, GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1', CONTENT_LENGTH: String(content.length),
      ...(content.length > 0 ? { CONTENT_TYPE: 'application/json' } : {}),
      ...(token ? { HTTP_AUTHORIZATION: `Bearer ${token}` } : {}),
      ...headers,
    })),
    stream(STDIN, content),
  ]));
  const answer = stdoutOf(await bytesOf(connection));
  const border = answer.indexOf('\r\n\r\n');
  const lines = answer.subarray(0, border).toString('latin1').split('\r\n').map((line) => line.split(/: (.*)/s));
  const fields = Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), value]));
  return answerOf(method, uri, Number(fields.status), fields, answer.subarray(border + 4));
}
