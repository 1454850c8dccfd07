// SPDX-License-Identifier: MIT
// The Alipay simulator is right and as strict as Alipay, with alipay-sdk as the shop: keys, signatures, trades, time.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createSign, generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { certificateSn, makeSigner, makeVerifier, rootSn, signedText } from '../../../sandbox/alipay/sign.mjs';
import { makeKeys } from '../../../sandbox/alipay/server.mjs';
import {
  CLOSE, PAGE, QUERY, REFUND, REFUND_QUERY, WAP, call, certified, china, content, dir, exec, keys, makeSdk, opened,
  paid, paramsOf, pay, payUrl, refusal, sandbox, sdk, serials, setClock, shop, start, stop, verifyAlipay,
} from '../lib/alipay-simulator.mjs';
import { send } from '../lib/simulators.mjs';

after(stop, { timeout: 10_000 });

test('keys are made once, and only their owner can read them', () => {
  assert.deepEqual(makeKeys(join(dir, 'keys')), keys);
  assert.match(keys.appId, /^2021\d{12}$/);
  assert.match(keys.sellerId, /^2088\d{12}$/);
  for (const name of ['appPrivateKeyFile', 'alipayPublicKeyFile', 'appCertificateFile', 'alipayCertificateFile', 'alipayRootCertificateFile']) {
    assert.equal(statSync(keys[name]).mode & 0o777, 0o600, name);
  }
});

// The serial number as OpenSSL's command shows its parts.
function snBy(openssl) {
  const [, issuer] = /^issuer=(.*)$/m.exec(openssl);
  const [, serial] = /^serial=(.*)$/m.exec(openssl);
  return createHash('md5').update(issuer + BigInt(`0x${serial}`)).digest('hex');
}

test('certificates verify up to the RSA root, and their serial numbers are OpenSSL\'s', () => {
  const openssl = (args, input) => execFileSync('openssl', args, { encoding: 'utf8', input });
  const show = (pem) => openssl(['x509', '-noout', '-issuer', '-serial', '-nameopt', 'RFC2253,-esc_msb,utf8'], pem);
  const [app, ours, roots] = ['appCertificateFile', 'alipayCertificateFile', 'alipayRootCertificateFile'].map((name) => keys[name]);
  openssl(['verify', '-no_check_time', '-CAfile', roots, app, ours]);
  for (const file of [app, ours]) assert.equal(certificateSn(readFileSync(file, 'utf8')), snBy(show(readFileSync(file, 'utf8'))));
  const [curve, rsa] = readFileSync(roots, 'utf8').split(/(?<=-----END CERTIFICATE-----\n)/);
  assert.match(openssl(['x509', '-noout', '-text'], curve), /ecdsa-with-SHA256/);
  assert.equal(rootSn(readFileSync(roots, 'utf8')), snBy(show(rsa)));
  openssl(['verify', '-no_check_time', '-check_ss_sig', '-CAfile', roots], curve);
});

test('signatures and serial numbers are Alipay\'s own: what it really signed verifies', () => {
  const { notify_v1: notice, gateway_response: reply, request_sign_derived: request, certificate_sn: certificates } = JSON.parse(
    readFileSync(new URL('../../unit/data/alipay_nodejs_sdk.json', import.meta.url), 'utf8'),
  );
  assert.equal(signedText(notice.params, ['sign', 'sign_type']), notice.sign_content);
  const verifyNotice = makeVerifier(notice.alipay_public_key_pem);
  assert.equal(verifyNotice(notice.sign_content, notice.params.sign), true);
  assert.equal(verifyNotice(signedText(notice.params), notice.params.sign), false);
  assert.equal(makeVerifier(reply.alipay_public_key_pem)(reply.sign_content, reply.sign), true);
  assert.equal(signedText(request.params), request.sign_content);
  assert.equal(makeSigner(request.app_private_key_pem)(request.sign_content), request.sign);
  assert.equal(certificateSn(certificates.app_cert_pem), certificates.app_cert_sn);
  assert.equal(rootSn(certificates.root_bundle_pem), certificates.alipay_root_cert_sn);
});

test('open, query, pay, query, refund twice, query the refund', async () => {
  const made = content({ time_expire: china(Date.now() + 1_800_000), passback_params: 'a%3D1', body: '一百%分之一 + &amp;' });
  const { out_trade_no: number } = made;
  assert.equal((await exec(QUERY, { out_trade_no: number })).sub_code, 'ACQ.TRADE_NOT_EXIST');
  assert.equal((await exec(CLOSE, { out_trade_no: number })).sub_code, 'ACQ.TRADE_NOT_EXIST');
  assert.equal((await pay(number)).status, 404);
  const page = await send('GET', payUrl(made));
  assert.equal(page.status, 200, page.text);
  assert.match(page.text, /¥88\.80/);

  const open = await exec(QUERY, { out_trade_no: number });
  assert.equal(open.trade_status, 'WAIT_BUYER_PAY');
  assert.equal(open.send_pay_date, undefined);
  const notified = await pay(number, { coupon_fen: 80 });
  assert.equal(notified.body.accepted, true);
  const params = paramsOf(shop.received.at(-1));
  assert.ok(sdk.checkNotifySignV2(params)); // which takes more than the rule for trades: without sign_type
  const { sign, ...signed } = params;
  assert.ok(verifyAlipay(signedText(signed, ['sign_type']), sign));
  assert.match(shop.received.at(-1).headers['content-type'], /^application\/x-www-form-urlencoded; charset=utf-8$/);
  const expected = {
    app_id: keys.appId, seller_id: keys.sellerId, out_trade_no: number, total_amount: '88.80', receipt_amount: '88.80', buyer_pay_amount: '88.00',
    trade_status: 'TRADE_SUCCESS', passback_params: 'a%3D1', subject: made.subject, body: made.body, trade_no: open.trade_no,
    notify_type: 'trade_status_sync', charset: 'utf-8', sign_type: 'RSA2',
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(params[name], value, name);
  assert.equal(JSON.parse(params.fund_bill_list)[0].amount, '88.00');

  const done = await exec(QUERY, { trade_no: open.trade_no });
  assert.equal(done.trade_status, 'TRADE_SUCCESS');
  assert.equal(done.total_amount, '88.80');
  assert.match(done.send_pay_date, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);

  const part = { out_trade_no: number, refund_amount: '8.8', out_request_no: 'R1' };
  const first = await exec(REFUND, part);
  assert.deepEqual([first.fund_change, first.refund_fee], ['Y', '8.80']);
  const again = await exec(REFUND, part);
  assert.deepEqual([again.fund_change, again.refund_fee], ['N', '8.80']);
  assert.equal((await exec(REFUND, { ...part, refund_amount: '8.81' })).sub_code, 'ACQ.DISCORDANT_REPEAT_REQUEST');
  assert.equal((await exec(REFUND, { ...part, out_request_no: 'R2', refund_amount: '80.01' })).sub_code, 'ACQ.REASON_TRADE_REFUND_FEE_ERR');
  assert.equal((await exec(REFUND, { out_trade_no: number, refund_amount: '80.00' })).sub_code, 'ACQ.REFUND_AMT_NOT_EQUAL_TOTAL');
  assert.equal((await exec(QUERY, { out_trade_no: number })).trade_status, 'TRADE_SUCCESS');
  const rest = await exec(REFUND, { out_trade_no: number, refund_amount: '80.00', out_request_no: 'R2' });
  assert.deepEqual([rest.fund_change, rest.refund_fee], ['Y', '88.80']); // cumulative
  assert.equal((await exec(QUERY, { out_trade_no: number })).trade_status, 'TRADE_CLOSED');
  assert.equal((await exec(REFUND, { out_trade_no: number, refund_amount: '0.01', out_request_no: 'R3' })).sub_code, 'ACQ.TRADE_HAS_CLOSE');
  assert.deepEqual((await exec(REFUND, part)).fund_change, 'N');

  const found = await exec(REFUND_QUERY, { out_trade_no: number, out_request_no: 'R1' });
  assert.deepEqual([found.refund_status, found.refund_amount, found.total_amount], ['REFUND_SUCCESS', '8.80', '88.80']);
  const missing = await exec(REFUND_QUERY, { out_trade_no: number, out_request_no: 'R9' });
  assert.deepEqual([missing.code, missing.refund_status, missing.out_request_no], ['10000', undefined, undefined]);
  assert.equal((await exec(REFUND_QUERY, { out_trade_no: 'T0', out_request_no: 'R1' })).sub_code, 'ACQ.TRADE_NOT_EXIST');
});

test('a response has Alipay\'s order of members and escaped slashes, and its signature covers those bytes', async () => {
  const made = await paid();
  const { text, headers } = await call(QUERY, { out_trade_no: made.out_trade_no });
  assert.match(headers['content-type'], /^text\/html; charset=utf-8$/);
  const [, node, sign] = /^\{"alipay_trade_query_response":(\{.*\}),"sign":"([A-Za-z0-9+/=]{344})"\}$/.exec(text);
  assert.deepEqual(Object.keys(JSON.parse(node)), [
    'code', 'msg', 'buyer_logon_id', 'buyer_pay_amount', 'buyer_user_id', 'invoice_amount', 'out_trade_no', 'point_amount', 'receipt_amount',
    'send_pay_date', 'total_amount', 'trade_no', 'trade_status',
  ]);
  assert.equal(verifyAlipay(node, sign), true);
  assert.equal(verifyAlipay(JSON.stringify(JSON.parse(node), null, 1), sign), false);
  const refused = await call(QUERY, {}, { params: { notify_url: 'https://shop.example/n' }, sign: () => 'AAAA' });
  const [, inner, itsSign] = /^\{"alipay_trade_query_response":(\{.*\}),"sign":"([^"]*)"\}$/.exec(refused.text);
  assert.ok(inner.includes('https:\\/\\/shop.example\\/n'), inner);
  assert.equal(verifyAlipay(inner, itsSign), true);
});

test('a request with any flaw is refused', async (t) => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const { out_trade_no: number } = await opened();
  const asked = { out_trade_no: number };
  const at = (ms) => ({ params: { timestamp: china(Date.now() + ms) } });
  const flaws = [
    ['no method', { params: { method: undefined } }, 'isv.missing-method'],
    ['another method', { params: { method: 'alipay.trade.pay' } }, 'isv.invalid-method'],
    ['no app_id', { params: { app_id: undefined } }, 'isv.missing-app-id'],
    ['another app_id', { params: { app_id: '2021000000000000' } }, 'isv.invalid-app-id'],
    ['no signature', { sign: () => undefined }, 'isv.missing-signature'],
    ['a changed signature', { sign: (s) => `${s.slice(0, 9)}${s[9] === 'A' ? 'B' : 'A'}${s.slice(10)}` }, 'isv.invalid-signature'],
    ['a short signature', { sign: () => 'AAAA' }, 'isv.invalid-signature'],
    ['a signature that is no Base64', { sign: (s) => s.slice(1) }, 'isv.invalid-signature'],
    ['another key', { sign: () => createSign('sha256').update('x').sign(other, 'base64') }, 'isv.invalid-signature'],
    ['biz_content changed after signing', { after: { biz_content: JSON.stringify({ out_trade_no: 'T1' }) } }, 'isv.invalid-signature'],
    ['a parameter added after signing', { after: { notify_url: 'https://shop.example/n' } }, 'isv.invalid-signature'],
    ['SHA-1', { params: { sign_type: 'RSA' } }, 'isv.invalid-signature-type'],
    ['no sign_type', { params: { sign_type: undefined } }, 'isv.missing-signature-type'],
    ['GBK', { params: { charset: 'GBK' } }, 'isv.invalid-charset'],
    ['XML', { params: { format: 'XML' } }, 'isv.invalid-format'],
    ['no version', { params: { version: undefined } }, 'isv.missing-version'],
    ['version 2.0', { params: { version: '2.0' } }, 'isv.invalid-parameter'],
    ['no timestamp', { params: { timestamp: undefined } }, 'isv.missing-timestamp'],
    ['a timestamp with T', { params: { timestamp: china(Date.now()).replace(' ', 'T') } }, 'isv.invalid-timestamp'],
    ['30 February', { params: { timestamp: '2026-02-30 10:00:00' } }, 'isv.invalid-timestamp'],
    ['UTC', at(-8 * 3_600_000), 'isv.invalid-timestamp'],
    ['16 minutes ahead', at(16 * 60_000), 'isv.invalid-timestamp'],
    ['a parameter that is not known', { params: { colour: 'red' } }, 'isv.invalid-parameter'],
    ['a serial number in public-key mode', { params: { app_cert_sn: 'a'.repeat(32) } }, 'isv.invalid-app-cert-sn'],
    ['a JSON body', { http: { headers: { 'Content-Type': 'application/json' } } }, 'isv.invalid-parameter'],
    ['a wrong escape', { http: { text: 'app_id=%zz' } }, 'isv.invalid-encoding'],
    ['bytes that are no UTF-8', { http: { text: 'app_id=%ff' } }, 'isv.invalid-encoding'],
    ['a parameter twice', { http: { text: 'app_id=1&app_id=1' } }, 'isv.invalid-parameter'],
  ];
  for (const [what, flaw, code] of flaws) {
    await t.test(what, async () => assert.equal(refusal(await call(QUERY, asked, flaw)), code));
  }
  const { text } = await call(QUERY, asked, { sign: () => 'AAAA' });
  assert.ok(text.includes(`网关生成的验签字符串为：app_id=${keys.appId}&amp;biz_content=`), text);
  assert.equal(refusal(await call(QUERY, asked, at(-14 * 60_000))), undefined);
});

test('a biz_content with any flaw is refused', async () => {
  const flaws = [
    { out_trade_no: undefined }, { out_trade_no: 'a-b' }, { out_trade_no: 'A'.repeat(65) }, { out_trade_no: 7 }, { total_amount: undefined },
    { total_amount: '0.00' }, { total_amount: '1.001' }, { total_amount: '.1' }, { total_amount: '01.00' }, { total_amount: '1,00' },
    { total_amount: 1 }, { total_amount: '100000000.01' }, { subject: '' }, { subject: 'a/b' }, { subject: 'a=b' }, { subject: 'a&b' },
    { subject: 'a'.repeat(257) }, { product_code: 'QUICK_WAP_WAY' }, { product_code: undefined }, { time_expire: '2026-13-01 00:00:00' },
    { time_expire: china(Date.now() - 1000) }, { time_expire: china(Date.now()).slice(0, 16) }, { timeout_express: '16d' },
    { timeout_express: '0m' }, { passback_params: 'a&b' }, { body: 'a'.repeat(129) }, { colour: 'red' }, { subject: null },
  ];
  for (const flaw of flaws) {
    const reply = await send('GET', payUrl(content(flaw)));
    assert.equal(reply.status, 400, JSON.stringify(flaw));
    assert.match(reply.text, /ACQ\.INVALID_PARAMETER/, JSON.stringify(flaw));
  }
  for (const text of ['', '[]', '{', '{"out_trade_no":"a","out_trade_no":"a"}', 'null', `{"out_trade_no":${'['.repeat(17)}${']'.repeat(17)}}`]) {
    assert.equal(refusal(await call(QUERY, text)), 'ACQ.INVALID_PARAMETER', text);
  }
  assert.equal(refusal(await call(QUERY, {})), 'ACQ.INVALID_PARAMETER');
  assert.equal(refusal(await call(REFUND, { out_trade_no: 'T1', refund_amount: '-1.00' })), 'ACQ.INVALID_PARAMETER');
  assert.equal(refusal(await call(REFUND_QUERY, { out_trade_no: 'T1' })), 'ACQ.INVALID_PARAMETER');
  const long = await send('GET', payUrl(content({ subject: '茶'.repeat(256) })));
  assert.match(long.text, /isv\.url-too-long/);
  assert.equal((await call(PAGE, content({ subject: '茶'.repeat(256) }))).status, 200); // as a form it may be long
  for (const address of ['/n', 'http://shop.example/n', 'ftp://127.0.0.1/n', `https://shop.example/${'n'.repeat(250)}`, 'https://a:b@shop.example/n']) {
    assert.match((await send('GET', payUrl(content(), { notify_url: address }))).text, /notify_url/, address);
  }
});

test('an address can be opened until the trade is paid or closed, and for the same trade only', async () => {
  const made = await opened();
  const error = async (more) => /(isv|ACQ)\.[A-Z_a-z-]+/.exec((await send('GET', payUrl({ ...made, ...more }))).text)?.[0];
  assert.equal(await error({}), undefined);
  assert.equal(await error({ total_amount: '88.81' }), 'ACQ.CONTEXT_INCONSISTENT');
  const wap = await send('GET', payUrl({ ...content(), product_code: 'QUICK_WAP_WAY' }, { method: WAP }));
  assert.equal(wap.status, 200);
  const form = sdk.pageExecute(PAGE, 'POST', { bizContent: content() });
  assert.match(form, /<form action="[^"]+" method="post"/);
  assert.equal((await pay(made.out_trade_no, { notify: false })).status, 200);
  assert.equal(await error({}), 'ACQ.TRADE_HAS_SUCCESS');
  const other = await opened();
  await exec(CLOSE, { out_trade_no: other.out_trade_no });
  assert.match((await send('GET', payUrl(other))).text, /ACQ\.TRADE_HAS_CLOSE/);
});

test('a closed trade can\'t be paid, unless its payment was in progress', async () => {
  const { out_trade_no: number } = await opened();
  const closed = await exec(CLOSE, { out_trade_no: number });
  assert.deepEqual([closed.code, closed.out_trade_no], ['10000', number]);
  assert.equal((await exec(CLOSE, { out_trade_no: number })).sub_code, 'ACQ.TRADE_STATUS_ERROR');
  assert.equal((await exec(QUERY, { out_trade_no: number })).trade_status, 'TRADE_CLOSED');
  assert.equal((await exec(REFUND, { out_trade_no: number, refund_amount: '1.00', out_request_no: 'R' })).sub_code, 'ACQ.TRADE_HAS_CLOSE');
  assert.equal((await pay(number)).status, 409);
  assert.equal((await pay(number, { force: true })).body.accepted, true);
  assert.equal((await exec(QUERY, { out_trade_no: number })).trade_status, 'TRADE_SUCCESS');
  assert.equal((await exec(CLOSE, { out_trade_no: number })).sub_code, 'ACQ.TRADE_STATUS_ERROR');
  const waiting = await opened();
  assert.equal((await exec(REFUND, { out_trade_no: waiting.out_trade_no, refund_amount: '1.00', out_request_no: 'R' })).sub_code, 'ACQ.TRADE_STATUS_ERROR');
});

test('time comes from the clock file: trades expire, paid ones finish', async () => {
  const short = await opened({ time_expire: china(Date.now() + 600_000) });
  const long = await opened();
  const sold = await paid();
  const finished = await paid({}, { status: 'TRADE_FINISHED' });
  assert.equal((await exec(QUERY, { out_trade_no: finished.out_trade_no })).trade_status, 'TRADE_FINISHED');
  const statusAt = async ({ out_trade_no: number }, seconds) => {
    setClock(seconds);
    return (await sandbox('GET', `/sandbox/trades/${number}`)).body.trade_status;
  };
  try {
    assert.equal(await statusAt(short, 300), 'WAIT_BUYER_PAY');
    assert.equal(await statusAt(short, 601), 'TRADE_CLOSED');
    assert.equal((await sandbox('POST', `/notify/${short.out_trade_no}`)).body.accepted, true);
    assert.equal(paramsOf(shop.received.at(-1)).trade_status, 'TRADE_CLOSED');
    assert.equal(refusal(await call(QUERY, { out_trade_no: short.out_trade_no }, { params: { timestamp: china(Date.now() + 601_000) } })), undefined);
    assert.equal(await statusAt(long, 14 * 86_400), 'WAIT_BUYER_PAY');
    assert.equal(await statusAt(long, 16 * 86_400), 'TRADE_CLOSED');
    assert.equal(await statusAt(sold, 364 * 86_400), 'TRADE_SUCCESS');
    assert.equal(await statusAt(sold, 366 * 86_400), 'TRADE_FINISHED');
    const late = { out_trade_no: sold.out_trade_no, refund_amount: '1.00', out_request_no: 'R' };
    assert.equal(refusal(await call(REFUND, late, { params: { timestamp: china(Date.now() + 366 * 86_400_000) } })), 'ACQ.TRADE_HAS_FINISHED');
  } finally {
    setClock(0);
  }
});

test('certificate mode: serial numbers are required, and the answer names the certificate that signed it', async () => {
  const second = await start({ certificates: true });
  const client = certified(second.url);
  const made = content();
  assert.equal((await send('GET', payUrl(made, { client }))).status, 200);
  assert.equal((await exec(QUERY, { out_trade_no: made.out_trade_no }, client)).trade_status, 'WAIT_BUYER_PAY');
  const notified = await pay(made.out_trade_no, {}, second.url);
  assert.equal(notified.body.accepted, true);
  const params = paramsOf(shop.received.at(-1));
  assert.ok(client.checkNotifySignV2(params));
  assert.ok(!sdk.checkNotifySignV2(params), 'the other key did not sign it');

  const asked = { out_trade_no: made.out_trade_no };
  const { text } = await call(QUERY, asked, { params: serials, base: second.url });
  assert.match(text, new RegExp(`\\},"alipay_cert_sn":"${certificateSn(readFileSync(keys.alipayCertificateFile, 'utf8'))}","sign":"`));
  const refused = async (params) => refusal(await call(QUERY, asked, { params: { ...serials, ...params }, base: second.url }));
  assert.equal(await refused({ app_cert_sn: undefined }), 'isv.missing-app-cert-sn');
  assert.equal(await refused({ alipay_root_cert_sn: undefined }), 'isv.missing-alipay-root-cert-sn');
  assert.equal(await refused({ app_cert_sn: serials.alipay_root_cert_sn }), 'isv.invalid-app-cert-sn');
  assert.equal(await refused({ alipay_root_cert_sn: serials.app_cert_sn }), 'isv.invalid-alipay-root-cert-sn');
});

test('trades survive a restart, without a file they don\'t', async () => {
  const stateFile = join(dir, 'state.json');
  const first = await start({ stateFile });
  const made = content();
  await send('GET', payUrl(made, { client: makeSdk(first.url) }));
  await pay(made.out_trade_no, { notify: false }, first.url);
  await first.close();
  const second = await start({ stateFile });
  const client = makeSdk(second.url);
  assert.equal((await exec(QUERY, { out_trade_no: made.out_trade_no }, client)).trade_status, 'TRADE_SUCCESS');
  assert.equal((await sandbox('POST', `/notify/${made.out_trade_no}`, {}, second.url)).body.accepted, true);
  const third = await start();
  assert.equal((await exec(QUERY, { out_trade_no: made.out_trade_no }, makeSdk(third.url))).sub_code, 'ACQ.TRADE_NOT_EXIST');
});

test('the simulator lists its requests', async () => {
  await sandbox('DELETE', '/sandbox/requests');
  await call(QUERY, { out_trade_no: 'T1' });
  const { body: [entry] } = await sandbox('GET', '/sandbox/requests');
  assert.deepEqual([entry.method, entry.path, entry.api, entry.status, entry.code], ['POST', '/gateway.do', QUERY, 200, 'ACQ.TRADE_NOT_EXIST']);
});
