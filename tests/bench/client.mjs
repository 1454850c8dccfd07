// SPDX-License-Identifier: MIT
// Single requests of the preparation; what is measured is sent by load.c.

// Returns call(request), which must succeed and returns the body, and ask(request), which returns { status, tag, next, length, body }; next: of a list.
export function clientOf(base) {
  async function ask({ method, path, token, headers = {}, body }) {
    const response = await fetch(new URL(path, base), {
      method,
      headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') && text !== '';
    const next = /<([^>]*)>; *rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    return { status: response.status, tag: response.headers.get('etag'), next, length: Buffer.byteLength(text), body: json ? JSON.parse(text) : text };
  }
  async function call(request) {
    const { status, body } = await ask(request);
    if (status >= 300) throw new Error(`${request.method} ${request.path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }
  return { ask, call };
}
