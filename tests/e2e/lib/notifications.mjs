// SPDX-License-Identifier: MIT
// Notifications of WeChat Pay built only with node:crypto, part by part, so that a test can have any part wrong. The
// genuine ones come from the simulator, which uses the SDK's cryptography.

import assert from 'node:assert/strict';
import { createCipheriv, createSign, randomBytes, randomUUID } from 'node:crypto';
import http from 'node:http';

export const SIGNATURE_TYPE = 'WECHATPAY2-SHA256-RSA2048';

// keys: of makeKeys(), or of a published vector; url: where notifications are sent.
export function makeForger({ appid, mchid, apiV3Key, platformKeyId, platformPrivateKey }, url) {
  const transaction = (outTradeNo, fen, more = {}) => ({
    appid, mchid, out_trade_no: outTradeNo, transaction_id: newTransactionId(), trade_type: 'JSAPI', trade_state: 'SUCCESS',
    trade_state_desc: '支付成功', bank_type: 'OTHERS', success_time: '2026-01-31T12:00:00+08:00', payer: { openid: 'sandbox-x' },
    amount: { total: fen, payer_total: fen, currency: 'CNY', payer_currency: 'CNY' },
    ...more,
  });

  // For the whole amount, unless more.amount is given.
  const refund = (outTradeNo, outRefundNo, fen, { amount, ...more } = {}) => ({
    mchid, out_trade_no: outTradeNo, transaction_id: newTransactionId(), out_refund_no: outRefundNo, refund_id: newRefundId(),
    refund_status: 'SUCCESS', success_time: '2026-01-31T12:00:00+08:00', user_received_account: '支付用户零钱',
    amount: { total: fen, refund: fen, payer_total: fen, payer_refund: fen, ...amount },
    ...more,
  });

  // data: the associated data; kind: the resource's declared type.
  const seal = (plain, { key = apiV3Key, nonce = randomBytes(6).toString('hex'), data = 'transaction', kind = 'transaction' } = {}) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(Buffer.from(data));
    const sealed = Buffer.concat([cipher.update(typeof plain === 'string' ? plain : JSON.stringify(plain)), cipher.final(), cipher.getAuthTag()]);
    return { original_type: kind, algorithm: 'AEAD_AES_256_GCM', ciphertext: sealed.toString('base64'), associated_data: data, nonce };
  };

  const event = (plain, { resource = {}, sealing, ...more } = {}) => ({
    id: randomUUID(), create_time: '2026-01-31T12:00:01+08:00', resource_type: 'encrypt-resource', event_type: 'TRANSACTION.SUCCESS',
    summary: '支付成功', resource: { ...seal(plain, sealing), ...resource }, ...more,
  });

  const refundEvent = (plain, { sealing, ...more } = {}) => event(plain, {
    event_type: `REFUND.${plain.refund_status ?? 'SUCCESS'}`, summary: '退款通知', sealing: { data: 'refund', kind: 'refund', ...sealing }, ...more,
  });

  const headers = (text, { timestamp = Math.floor(Date.now() / 1000), key = platformPrivateKey } = {}) => {
    const nonce = randomBytes(16).toString('hex');
    return {
      'Wechatpay-Timestamp': String(timestamp),
      'Wechatpay-Nonce': nonce,
      'Wechatpay-Serial': platformKeyId,
      'Wechatpay-Signature': createSign('sha256').update(`${timestamp}\n${nonce}\n${text}\n`).sign(key, 'base64'),
      'Wechatpay-Signature-Type': SIGNATURE_TYPE,
    };
  };

  // An object is sent as JSON; change(headers) returns the headers to send, a list for a repeated one.
  const send = (what, { change = (own) => own, sent, ...signing } = {}) => {
    const text = typeof what === 'string' ? what : JSON.stringify(what);
    return post(url, sent ?? text, { 'Content-Type': 'application/json', ...change(headers(text, signing)) });
  };

  return { transaction, refund, seal, event, refundEvent, headers, send };
}

export function newTransactionId() {
  return `4200${randomBytes(12).readBigUInt64BE().toString().padStart(20, '0')}`;
}

export function newRefundId() {
  return `5030${randomBytes(12).readBigUInt64BE().toString().padStart(25, '0')}`;
}

// { status, body, ms }; on a new connection, like a provider's calls.
export function post(url, text, headers) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST', agent: false, headers: { ...headers, 'Content-Length': Buffer.byteLength(text) },
    }, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode, body: body === '' ? null : JSON.parse(body), ms: performance.now() - started });
    });
    request.on('error', reject);
    request.end(text);
  });
}

// What a notification is answered with.
export const SUCCESS = { code: 'SUCCESS', message: '成功' };

export function assertSuccess(answer) {
  assert.deepEqual([answer.status, answer.body], [200, SUCCESS], JSON.stringify(answer));
}

export function assertFail(answer, status) {
  assert.equal(answer.status, status, JSON.stringify(answer));
  assert.equal(answer.body.code, 'FAIL');
  assert.ok(answer.body.message);
}

// While another holds what `lock` locks, what `deliver` delivers is answered in time, and refused; deliver: { status, ms, body },
// as the simulator notifies of it.
export function assertPutOff(shop, lock, deliver) {
  return shop.holding([lock], async () => {
    let answer;
    // a slow shop is slow each time, a busy machine is not
    for (let i = 0; i < 3 && !(answer?.ms < 5000); i++) answer = await deliver();
    assert.ok(answer.status >= 500 && answer.status < 600, JSON.stringify(answer));
    assert.ok(answer.ms < 5000, `${answer.ms} ms`);
    assert.equal(JSON.parse(answer.body).code, 'FAIL');
  });
}
