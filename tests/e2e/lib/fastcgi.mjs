// SPDX-License-Identifier: MIT
// FastCGI 1.0 as a web server speaks it, from the specification: a connection to one process, with one request after another.
//
//   const connection = openFastcgi(socket, { keep: true });
//   const { status, headers, bytes, records } = await connection.ask({ method, uri, token, body });
//   connection.close();

import { once } from 'node:events';
import { connect } from 'node:net';

const BEGIN = 1;
const END = 3;
const PARAMS = 4;
const STDIN = 5;
const STDOUT = 6;
const BOUND_MS = 60_000;
const HEAD = 8;
const CONTENT_MAX = 0xfff8;
const ENDING = Buffer.alloc(8); // of END: status 0, and the request is complete

function record(type, id, content) {
  const head = Buffer.alloc(HEAD);
  head.writeUInt8(1, 0); // version
  head.writeUInt8(type, 1);
  head.writeUInt16BE(id, 2);
  head.writeUInt16BE(content.length, 4);
  return Buffer.concat([head, content]);
}

function stream(type, id, content) {
  const records = [];
  for (let at = 0; at < content.length; at += CONTENT_MAX) records.push(record(type, id, content.subarray(at, at + CONTENT_MAX)));
  return Buffer.concat([...records, record(type, id, Buffer.alloc(0))]);
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

// Takes one whole record off the start of received bytes, or returns null.
function takeRecord(bytes) {
  if (bytes.length < HEAD) return null;
  const [version, type] = bytes;
  const length = bytes.readUInt16BE(4);
  const size = HEAD + length + bytes.readUInt8(6);
  if (bytes.length < size) return null;
  return { version, type, id: bytes.readUInt16BE(2), size, content: bytes.subarray(HEAD, HEAD + length) };
}

// The response that records carry, checked against the specification.
function responseOf(records, id) {
  for (const { version, id: of, size } of records) {
    if (version !== 1 || of !== id) throw new Error(`a record of version ${version} for request ${of}, not ${id}`);
    if (size % 8 !== 0) throw new Error(`a record of ${size} bytes is not padded to whole words`);
  }
  const types = records.map(({ type }) => type);
  const lengths = records.map(({ content }) => content.length);
  const output = types.slice(0, -1);
  if (output.some((type) => type !== STDOUT) || lengths.at(-2) !== 0 || lengths.slice(0, -2).includes(0)) {
    throw new Error(`the output is not ended by one empty record: types ${types}, lengths ${lengths}`);
  }
  if (!records.at(-1).content.equals(ENDING)) throw new Error('the request did not end with status 0');
  return Buffer.concat(records.slice(0, -1).map(({ content }) => content));
}

// socket: its path. keep: the process is told to leave the connection open.
export function openFastcgi(socket, { keep = false } = {}) {
  const connection = connect({ path: socket });
  connection.setTimeout(BOUND_MS, () => connection.destroy(new Error(`nothing within ${BOUND_MS} ms`)));
  connection.on('error', () => {}); // thrown by received.next()
  const received = connection[Symbol.asyncIterator]();
  let bytes = Buffer.alloc(0);

  async function records() {
    const list = [];
    while (list.at(-1)?.type !== END) {
      const next = takeRecord(bytes);
      if (next) {
        list.push(next);
        bytes = bytes.subarray(next.size);
        continue;
      }
      const { value, done } = await received.next();
      if (done) throw new Error('the process ended its answer in the middle');
      bytes = Buffer.concat([bytes, value]);
    }
    return list;
  }

  // Writes a request. headers: of null are left out, also a parameter of these. held: how many bytes of its end are not sent, but
  // returned.
  function send({ id = 1, method = 'GET', uri, token, headers = {}, body, raw, held = 0 }) {
    const content = Buffer.from(raw ?? (body === undefined ? '' : JSON.stringify(body)));
    const params = {
      REQUEST_METHOD: method, REQUEST_URI: uri, GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1', CONTENT_LENGTH: String(content.length),
      ...(content.length > 0 ? { CONTENT_TYPE: 'application/json' } : {}),
      ...(token ? { HTTP_AUTHORIZATION: `Bearer ${token}` } : {}),
      ...headers,
    };
    const all = Buffer.concat([
      record(BEGIN, id, Buffer.from([0, 1, keep ? 1 : 0, 0, 0, 0, 0, 0])), // the responder role
      stream(PARAMS, id, pairs(Object.fromEntries(Object.entries(params).filter(([, value]) => value !== null)))),
      stream(STDIN, id, content),
    ]);
    connection.write(all.subarray(0, all.length - held));
    return all.subarray(all.length - held);
  }

  // The response to request id: { status, headers, bytes, records }.
  async function answer(id = 1) {
    const list = await records();
    const output = responseOf(list, id);
    const border = output.indexOf('\r\n\r\n');
    const lines = output.subarray(0, border).toString('latin1').split('\r\n').map((line) => line.split(/: (.*)/s));
    const headers = Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), value]));
    return { status: Number(headers.status), headers, bytes: output.subarray(border + 4), records: list };
  }

  return {
    send,
    answer,
    ask: (request) => {
      send(request);
      return answer(request.id);
    },
    write: (more) => connection.write(more),
    // The process closes it, without a byte more.
    async closed() {
      const { done } = await received.next();
      if (!done || bytes.length > 0) throw new Error('more after the end of the answer');
    },
    // Closes it once some of an answer came.
    async abandon() {
      await received.next();
      connection.destroy();
      if (!connection.closed) await once(connection, 'close');
    },
    close: () => connection.destroy(),
  };
}
