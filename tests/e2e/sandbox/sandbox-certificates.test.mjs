// SPDX-License-Identifier: MIT
// Platform certificates at the WeChat simulator: generated, returned encrypted, and signing alternately with the public key.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { makeKeys } from '../../../sandbox/wechat/server.mjs';
import {
  Aes, Decorator, JSAPI, byNumber, call, dir, forge, verifyNotification, keys, makeSdk, merchantPrivateKey, order, platformPublicKey, post,
  query, refused, sandbox, setClock, shop, hasValidSignature, start, stop,
} from '../lib/simulator.mjs';

const PATH = '/v3/certificates';
const YEAR_MS = 365.25 * 86_400_000;
const changing = await start({ certificates: true });
const there = { base: changing.url };

after(stop, { timeout: 10_000 });
beforeEach(() => { shop.received = []; });
afterEach(() => signWith({ kind: 'pubkey' }));

const signWith = async (choice) => {
  const { status, body } = await sandbox('POST', '/sandbox/sign-with', choice, changing.url);
  assert.equal(status, 200, JSON.stringify(body));
  return body.serial;
};

// A list of certificates as a shop processes it: decrypted by the SDK, the rest by OpenSSL.
const open = ({ data }) => data.map((entry) => {
  const { algorithm, ciphertext, nonce, associated_data: aad } = entry.encrypt_certificate;
  assert.equal(algorithm, 'AEAD_AES_256_GCM');
  assert.equal(aad, 'certificate');
  assert.equal(nonce.length, 12);
  const pem = Aes.AesGcm.decrypt(ciphertext, keys.apiV3Key, nonce, aad);
  const x509 = new X509Certificate(pem);
  return { serial: entry.serial_no, pem: x509.publicKey.export({ type: 'spki', format: 'pem' }), x509, certificate: pem, entry };
});
const download = async (path = PATH) => {
  const reply = await call('GET', path, there);
  assert.equal(reply.status, 200, reply.text);
  return { reply, list: open(JSON.parse(reply.text)) };
};

test('a merchant in public-key mode has no certificates', async () => {
  const { message } = refused(await call('GET', PATH), 404, 'RESOURCE_NOT_EXISTS');
  assert.match(message, /公钥/);
  const choice = await sandbox('POST', '/sandbox/sign-with', { kind: 'certificate' });
  assert.equal(choice.status, 400);
  assert.match(choice.body.message, /below 0/);
  const [{ serial }] = (await download()).list;
  refused(await post(JSAPI, order(), { headers: { 'Wechatpay-Serial': serial } }), 400, 'PARAM_ERROR');
});

test('the list: encrypted, signed by the newest, each consistent', async () => {
  const { reply, list } = await download();
  assert.equal(list.length, 2);
  assert.ok(hasValidSignature(reply, reply.text, list[0]));
  for (const { serial, x509, entry, certificate } of list) {
    assert.match(serial, /^[0-9A-F]{40}$/);
    assert.equal(x509.serialNumber, serial);
    assert.ok(x509.verify(x509.publicKey), 'self-signed');
    assert.equal(x509.publicKey.asymmetricKeyDetails.modulusLength, 2048);
    assert.equal(x509.ca, false);
    const [from, to] = [Date.parse(entry.effective_time), Date.parse(entry.expire_time)];
    assert.deepEqual([from, to], [Date.parse(x509.validFrom), Date.parse(x509.validTo)]);
    assert.ok(from < Date.now() && Date.now() < to);
    assert.ok(Math.abs(to - from - 5 * YEAR_MS) < 2 * 86_400_000);
    assert.equal(forge.pki.certificateFromPem(certificate).serialNumber.toUpperCase(), serial);
  }
  assert.ok(Date.parse(list[0].entry.expire_time) > Date.parse(list[1].entry.expire_time), 'the newest is first');
  assert.notEqual(list[0].serial, list[1].serial);
  assert.notEqual(list[0].pem, list[1].pem);

  for (const type of ['RSA', 'ALL']) assert.equal((await download(`${PATH}?algorithm_type=${type}`)).list.length, 2);
  refused(await call('GET', `${PATH}?algorithm_type=SM2`, there), 404, 'RESOURCE_NOT_EXISTS');
  refused(await call('GET', `${PATH}?algorithm_type=DSA`, there), 400, 'PARAM_ERROR');
  refused(await call('GET', `${PATH}?mchid=${keys.mchid}`, there), 400, 'PARAM_ERROR');
  refused(await call('POST', PATH, there), 405, 'METHOD_NOT_ALLOWED');
  refused(await call('GET', PATH, { ...there, auth: { nonce_str: '-' } }), 401, 'SIGN_ERROR');
});

test('the list is signed by the key that the request names', async () => {
  const [, older] = (await download()).list;
  for (const key of [{ serial: keys.platformKeyId, pem: platformPublicKey }, older]) {
    const reply = await call('GET', PATH, { ...there, headers: { 'Wechatpay-Serial': key.serial } });
    assert.ok(hasValidSignature(reply, reply.text, key));
  }
});

// The certificates are decrypted before the signature is checked, which only they can verify.
test('the SDK as client: certificates without prior keys, then calls with each of them', async () => {
  const certs = {};
  const learn = (text) => {
    for (const { serial, certificate } of open(JSON.parse(text))) certs[serial] = certificate;
    return text;
  };
  const parse = (text) => (typeof text === 'string' ? JSON.parse(text) : text);
  const transformResponse = [learn, Decorator.responseVerifier(certs), parse];
  const { data: { data } } = await makeSdk({ any: undefined }, changing.url).request(PATH, 'GET', undefined, { transformResponse });
  assert.deepEqual(data.map((entry) => entry.serial_no), Object.keys(certs));

  const sdk = makeSdk(certs, changing.url);
  await assert.rejects(sdk.request(JSAPI, 'POST', order()), { code: 'EV3_RES_HEADER_PLATFORM_SERIAL' }); // the public key's
  for (const [index, { serial_no: serial }] of data.entries()) {
    assert.equal(await signWith({ kind: 'certificate', index }), serial);
    const body = order();
    const reply = await sdk.request(JSAPI, 'POST', body);
    assert.equal(reply.headers['wechatpay-serial'], serial);
    const closed = await sdk.request(`${byNumber(body.out_trade_no)}/close`, 'POST', { mchid: keys.mchid });
    assert.equal(closed.headers['wechatpay-serial'], serial);
    const list = await sdk.request(PATH, 'GET');
    assert.equal(list.headers['wechatpay-serial'], data[0].serial_no, 'the list is always the newest one\'s');
  }
});

test('notifications and errors are signed by the chosen key from then on', async () => {
  const { list } = await download();
  const publicKey = { serial: keys.platformKeyId, pem: platformPublicKey };
  const body = order();
  await post(JSAPI, body, there);
  const turns = [
    [{ kind: 'certificate', index: 1 }, list[1]], [{ kind: 'certificate' }, list[0]], [{ kind: 'pubkey' }, publicKey],
    [{ kind: 'certificate', index: 0 }, list[0]], [{ kind: 'pubkey', index: 0 }, publicKey],
  ];
  for (const [choice, key] of turns) {
    await signWith(choice);
    assert.equal((await sandbox('POST', `/pay/${body.out_trade_no}`, {}, changing.url)).status, 200);
    assert.equal(verifyNotification(shop.received.at(-1), key).trade_state, 'SUCCESS');
    for (const other of [...list, publicKey]) {
      if (other !== key) assert.equal(verifyNotification(shop.received.at(-1), other), 'serial');
    }
    const missing = await query('T0000000000', there);
    assert.equal(missing.status, 404);
    assert.ok(hasValidSignature(missing, missing.text, key));
  }
});

test('a request may name any key in use, which affects nothing else', async () => {
  const { list } = await download();
  for (const serial of [keys.platformKeyId, ...list.map((each) => each.serial)]) {
    const reply = await post(JSAPI, order(), { ...there, headers: { 'Wechatpay-Serial': serial } });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.headers['wechatpay-serial'], keys.platformKeyId);
  }
  const unknown = list[0].serial.replace(/.$/, (c) => (c === '0' ? '1' : '0'));
  const refusal = await post(JSAPI, order(), { ...there, headers: { 'Wechatpay-Serial': unknown } });
  assert.equal(refused(refusal, 400, 'PARAM_ERROR').detail.field, 'Wechatpay-Serial');
});

test('faults of the list, and of a response signed with a certificate', async () => {
  const { list } = await download();
  const switchOn = (on, fault) => sandbox('POST', '/sandbox/faults', { on, fault }, changing.url);
  const sdk = makeSdk(Object.fromEntries(list.map(({ serial, certificate }) => [serial, certificate])), changing.url);
  await signWith({ kind: 'certificate' });
  const calls = { certificates: () => sdk.request(PATH, 'GET'), jsapi: () => sdk.request(JSAPI, 'POST', order()) };
  const codes = { bad_signature: 'EV3_RES_HEADER_SIGNATURE_DIGEST', unknown_serial: 'EV3_RES_HEADER_PLATFORM_SERIAL' };
  for (const [fault, code] of Object.entries(codes)) {
    for (const [on, request] of Object.entries(calls)) {
      await switchOn(on, fault);
      await assert.rejects(request(), (error) => {
        assert.equal(error.code, code, `${on} ${fault}`);
        assert.match(error.response.headers['wechatpay-serial'], /^[0-9A-F]{40}$/);
        return true;
      });
      assert.equal((await request()).status, 200);
    }
  }
  await switchOn('certificates', 'status_500');
  assert.equal((await call('GET', PATH, there)).status, 500);
  await switchOn('certificates', 'truncated');
  await assert.rejects(call('GET', PATH, there), { code: 'ECONNRESET' });
  assert.equal((await call('GET', PATH, there)).status, 200);
});

test('invalid choices are refused with a message', async () => {
  const cases = [
    [{}, /kind must be/], [{ kind: 'secret' }, /kind must be/], [{ kind: 'certificate', index: 2 }, /below 2/],
    [{ kind: 'certificate', index: -1 }, /below 2/], [{ kind: 'certificate', index: '0' }, /below 2/],
    [{ kind: 'pubkey', index: 1 }, /below 1/], [{ kind: 'pubkey', serial: 'A' }, /unknown member serial/],
  ];
  for (const [choice, message] of cases) {
    const { status, body } = await sandbox('POST', '/sandbox/sign-with', choice, changing.url);
    assert.equal(status, 400, JSON.stringify(choice));
    assert.match(body.message, message);
  }
});

test('certificates are generated once, by the sandbox\'s clock, also for old directories, and stay secret', () => {
  const place = join(dir, 'later');
  const clockFile = join(dir, 'later-clock');
  const file = join(place, 'wechat-certificates.json');
  writeFileSync(clockFile, String(10 * 365 * 86_400));
  const made = makeKeys(place, { clockFile });
  assert.deepEqual(makeKeys(place), made);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  for (const { certificate, privateKey } of made.platformCertificates) {
    const x509 = new X509Certificate(certificate);
    const then = Date.now() + 10 * 365 * 86_400_000;
    assert.ok(Date.parse(x509.validFrom) < then && then < Date.parse(x509.validTo));
    assert.match(privateKey, /^-----BEGIN PRIVATE KEY-----/);
    assert.notEqual(privateKey, merchantPrivateKey);
  }
  rmSync(file);
  const { platformCertificates: again, ...same } = makeKeys(place);
  const { platformCertificates: before, ...kept } = made;
  assert.deepEqual(same, kept);
  assert.notDeepEqual(again, before);
});

test('an expired certificate stays in the list: the shop must check', async () => {
  try {
    setClock(3 * 365 * 86_400);
    const auth = { timestamp: String(Math.floor(Date.now() / 1000) + 3 * 365 * 86_400) };
    const reply = await call('GET', PATH, { ...there, auth });
    const ends = JSON.parse(reply.text).data.map(({ expire_time: time }) => Date.parse(time) > Date.now() + 3 * 365 * 86_400_000);
    assert.deepEqual(ends, [true, false]);
  } finally {
    setClock(0);
  }
});
