// SPDX-License-Identifier: MIT
// What the tests of all simulators need: plain requests, and a receiver in the shop's place.
import { once } from 'node:events';
import http from 'node:http';

export async function send(method, url, { text = '', headers = {}, signal } = {}) {
  const length = text && { 'Content-Length': Buffer.byteLength(text) };
  const request = http.request(url, { method, headers: { ...headers, ...length }, agent: false, signal });
  request.end(text);
  const [response] = await once(request, 'response');
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { status: response.statusCode, headers: response.headers, raw: response.rawHeaders, bytes, text: bytes.toString() };
}

// One of a simulator's own commands, such as POST /pay/….
export async function command(base, method, path, body) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const reply = await send(method, base + path, { text });
  return { status: reply.status, body: reply.text ? JSON.parse(reply.text) : undefined };
}

// Records what the shop would receive; answer(response) responds.
export async function openReceiver(path) {
  const shop = { received: [], answer: null, url: null };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    shop.received.push({
      method: request.method, url: request.url, headers: request.headers, raw: request.rawHeaders, body: Buffer.concat(chunks).toString(),
    });
    if (shop.answer) shop.answer(response);
    else response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  shop.url = `http://127.0.0.1:${server.address().port}${path}`;
  shop.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return shop;
}
