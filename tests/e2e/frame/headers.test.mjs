// SPDX-License-Identifier: MIT
// Headers for browsers (BEHAVIOUR 56, 57): the same behind both web servers, whether a page, a program or the web server itself
// answers; and HSTS over HTTPS only, once the owner wants it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../../sandbox/files.mjs';
import { selfSigned } from '../../../sandbox/lib/certificate.mjs';
import { makePair } from '../../../sandbox/lib/sign.mjs';
import { serverName } from '../../../sandbox/web.mjs';
import { block, replaced } from '../lib/deploy-guide.mjs';
import { makeDirectory, openShop } from '../lib/harness.mjs';

const ORIGIN = 'https://admin.example.com';
const HSTS = 'max-age=31536000';
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; img-src 'self' data: https:; "
  + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TOO_LARGE = 3_000_000; // for either web server

// ---- the same site by HTTPS ----

const tlsPort = await freePort();
const WAYS = {
  // without lighttpd-mod-openssl, and as behind a proxy that ends TLS: what it says counts for lighttpd itself
  lighttpd: {
    edit: (text) => `${text}
server.modules += ("mod_extforward")
extforward.forwarder = ("127.0.0.1" => "trust")
extforward.headers = ("X-Forwarded-For")
`,
    send: (options) => http.request(shop.baseUrl, { ...options, headers: { ...options.headers, 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https' } }),
  },
  apache: {
    edit: (text) => `${text}
LoadModule ssl_module modules/mod_ssl.so
Listen 127.0.0.1:${tlsPort}
<VirtualHost *:${tlsPort}>
  SSLEngine on
  SSLCertificateFile "${keyFile}"
</VirtualHost>
`,
    send: (options) => https.request({ ...options, host: '127.0.0.1', port: tlsPort, rejectUnauthorized: false }),
  },
};
const way = WAYS[serverName];
const keyFile = path.join(makeDirectory(), 'site.pem'); // which the web server reads before it changes its account
const pair = makePair();
writeFileSync(keyFile, `${pair.privateKey}${selfSigned(pair, { from: Date.now() - 1000, to: Date.now() + 86_400_000 })}`, { mode: 0o600 });

// The line for it is a comment in the example, and in docs/deploy.md.
const LINE = {
  lighttpd: '$HTTP["scheme"] == "https" { setenv.set-response-header += ("Strict-Transport-Security" => "max-age=31536000") }',
  apache: 'Define HTTPS_ALONE',
}[serverName];
assert.ok(block('sh', `https-alone-${serverName}`).includes(LINE));
let alone = false;
const shop = await openShop({
  own: true, families: ['catalogue'], env: { CORS_ORIGINS: ORIGIN },
  editWeb(text) {
    return way.edit(alone ? replaced(text, `\n#${LINE}\n`, `\n${LINE}\n`) : text);
  },
});

const plain = (options) => http.request(shop.baseUrl, options);

// The response's status, and its headers of these names with all of their values: none may be there twice.
async function ask(send, [method, address, headers = {}]) {
  const request = send({ method, path: address, agent: false, headers: { origin: ORIGIN, ...headers } });
  const answered = once(request, 'response');
  request.on('error', () => {}); // of a body that is refused
  if (headers['content-length'] === undefined) request.end();
  else request.flushHeaders();
  const [response] = await answered;
  response.resume();
  request.destroy();
  const all = {};
  for (let i = 0; i < response.rawHeaders.length; i += 2) (all[response.rawHeaders[i].toLowerCase()] ??= []).push(response.rawHeaders[i + 1]);
  const value = (name) => all[name] ?? [];
  return {
    status: response.statusCode,
    sniff: value('x-content-type-options'), referrer: value('referrer-policy'), policy: value('content-security-policy'),
    hsts: value('strict-transport-security'), origin: value('access-control-allow-origin'), type: value('content-type').map((type) => type.split(';')[0]),
  };
}

// lighttpd refuses what is wrong with the head of a request before it adds headers to any response.
const addsToAll = serverName !== 'lighttpd';

// Who answers: what, and what then is said for browsers.
const PAGE = { sniff: ['nosniff'], referrer: ['same-origin'], policy: [POLICY], origin: [] };
const OWN_ERROR = { sniff: ['nosniff'], referrer: [], policy: [], origin: [], type: ['application/json'] };
const PROGRAM = { sniff: ['nosniff'], referrer: [], policy: [], origin: [ORIGIN], type: ['application/json'] };
const CASES = [
  ['a page', ['GET', '/'], { status: 200, type: ['text/html'], ...PAGE }],
  ['the pages of the staff', ['GET', '/admin/'], { status: 200, type: ['text/html'], ...PAGE }],
  ['a style sheet', ['GET', '/shop.css'], { status: 200, type: ['text/css'], ...PAGE }],
  ['a script', ['HEAD', '/shop.mjs'], { status: 200, type: ['text/javascript'], ...PAGE }],
  ['no page', ['GET', '/nothing.html'], { status: 404, type: ['text/html'], ...PAGE }],
  ['a program', ['GET', '/api/products'], { status: 200, ...PROGRAM }],
  ['an error of a program', ['GET', '/api/nothing'], { status: 404, ...PROGRAM }],
  ['a program that does not run', ['GET', '/api/orders'], { status: 503, ...OWN_ERROR }],
  ['too large a body', ['POST', '/api/products', { 'content-length': TOO_LARGE }], { status: 413, ...OWN_ERROR, ...(addsToAll ? {} : { sniff: [], hsts: [] }) }],
];

async function check(send, more, { ofPrograms = {} } = {}) {
  for (const [what, request, said] of CASES) {
    assert.deepEqual(await ask(send, request), { ...more, ...said, ...(said.origin.length > 0 ? ofPrograms : {}) }, what);
  }
}

test('pages, programs and the web server itself say the same for browsers behind either web server, and no HSTS unless it is wanted (B56, B57)', async () => {
  await check(plain, { hsts: [] });
  await check(way.send, { hsts: [] });
});

test('a site by HTTPS alone says so in every response over HTTPS, once, and in none over plain HTTP (B56)', async () => {
  alone = true;
  await shop.restartWeb({ REQUIRE_HTTPS: 'on', TRUSTED_PROXIES: '127.0.0.1' });
  await check(way.send, { hsts: [HSTS] });
  await check(plain, { hsts: [] }, { ofPrograms: { status: 403 } });
});
