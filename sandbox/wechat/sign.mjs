// SPDX-License-Identifier: MIT
// Signatures of WeChat Pay v3, both directions, and the encryption of notifications and certificates.
import { randomBytes } from 'node:crypto';
import wechatpay from 'wechatpay-axios-plugin';
import { makeVerifier as verifyTwice } from '../lib/sign.mjs';

const { Aes, Formatter, Rsa } = wechatpay;
const LF = '\n';

export const SIGNATURE_TYPE = 'WECHATPAY2-SHA256-RSA2048';
export const nonce = (size = 32) => Formatter.nonce(size);

// Returns verify(message: Buffer, signature: Base64) -> boolean, by the SDK and by node-forge. second is for the tests.
export function makeVerifier(publicPem, second = publicPem) {
  const key = Rsa.from(publicPem, Rsa.KEY_TYPE_PUBLIC);
  return verifyTwice((message, signature) => Rsa.verify(message, signature, key), second);
}

// The bytes that a request's signature covers; the body as received.
export function requestMessage(method, url, timestamp, nonceText, raw) {
  return Buffer.concat([Buffer.from([method, url, timestamp, nonceText, ''].join(LF)), raw, Buffer.from(LF)]);
}

// A probe as WeChat sends it: the prefix, and a length that is not valid Base64.
export function probe() {
  return `WECHATPAY/SIGNTEST/${randomBytes(252).toString('base64')}`;
}

// Returns sign(text, timestamp) -> the five signature headers of WeChat Pay for the text.
export function makeSigner(privatePem, serial) {
  const key = Rsa.from(privatePem, Rsa.KEY_TYPE_PRIVATE);
  return (body, timestamp) => {
    const nonceText = nonce();
    return {
      'Wechatpay-Timestamp': String(timestamp),
      'Wechatpay-Nonce': nonceText,
      'Wechatpay-Serial': serial,
      'Wechatpay-Signature': Rsa.sign(Formatter.response(timestamp, nonceText, body), key),
      'Wechatpay-Signature-Type': SIGNATURE_TYPE,
    };
  };
}

// A text encrypted with the merchant's APIv3 key, its kind being the associated data; damaged = one
// byte of the ciphertext changed.
export function seal(plain, what, apiV3Key, damaged = false) {
  const iv = nonce(12);
  const bytes = Buffer.from(Aes.AesGcm.encrypt(plain, apiV3Key, iv, what), 'base64');
  if (damaged) bytes[0] ^= 1;
  return { algorithm: 'AEAD_AES_256_GCM', ciphertext: bytes.toString('base64'), associated_data: what, nonce: iv };
}
