// Requests as they go over the wire: addresses, bytes and framings that fetch() would mend or refuse.
//
//   const { status, headers, text, body } = await send(shop.baseUrl, 'GET', '//api/../x', { headers, raw });
//
// raw: a text or bytes; chunks: a list of them, sent without a length (chunked).

import { request } from 'node:http';

export function send(baseUrl, method, address, { headers = {}, token, raw, chunks } = {}) {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      hostname, port, method, path: address, agent: false,
      headers: {
        ...(raw === undefined ? {} : { 'content-length': Buffer.byteLength(raw) }),
        ...(raw === undefined && !chunks ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
    }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const json = text !== '' && (response.headers['content-type'] ?? '').includes('json');
        resolve({ status: response.statusCode, headers: new Headers(response.headers), text, body: json ? JSON.parse(text) : null });
      });
    });
    outgoing.on('error', reject);
    for (const chunk of chunks ?? []) outgoing.write(chunk);
    outgoing.end(raw);
  });
}
