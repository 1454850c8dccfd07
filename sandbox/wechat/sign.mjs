// SPDX-License-Identifier: MIT
// Signatures of WeChat Pay v3, both directions, and the encryption of notifications and certificates.
import { randomBytes, randomInt } from 'node:crypto';
import forge from 'node-forge';
import wechatpay from 'wechatpay-axios-plugin';

const { Aes, Formatter, Rsa } = wechatpay;
const LF = '\n';
const CORRUPT_AT = 10; // where corrupt() changes a signature: any character but the padding

export const SIGNATURE_TYPE = 'WECHATPAY2-SHA256-RSA2048';
export const nonce = (size = 32) => Formatter.nonce(size);
export const digits = (n) => Array.from({ length: n }, () => randomInt(10)).join('');

// Returns verify(message: Buffer, signature: Base64) -> boolean. Two independent implementations
// check every signature: the SDK's (OpenSSL) and node-forge's (JavaScript). A difference is thrown:
// it is a fault of one of them, never to be guessed. second is for the tests.
export function makeVerifier(publicPem, second = publicPem) {
  const openssl = Rsa.from(publicPem, Rsa.KEY_TYPE_PUBLIC);
  const javascript = forge.pki.publicKeyFromPem(second);
  const forgeVerify = (message, signature) => {
    const digest = forge.md.sha256.create().update(message.toString('latin1')).digest().bytes();
    try {
      return javascript.verify(digest, forge.util.decode64(signature));
    } catch {
      return false; // forge throws when the length or the inner padding is wrong
    }
  };
  return (message, signature) => {
    // Both decoders are more lenient than WeChat, so the form is checked first.
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(signature) || signature.length % 4 !== 0) return false;
    const verdict = Rsa.verify(message, signature, openssl);
    if (verdict !== forgeVerify(message, signature)) {
      throw new Error(`two implementations disagree: OpenSSL says ${verdict}, node-forge the opposite`);
    }
    return verdict;
  };
}

// The bytes that a request's signature covers; the body as received.
export function requestMessage(method, url, timestamp, nonceText, raw) {
  return Buffer.concat([Buffer.from([method, url, timestamp, nonceText, ''].join(LF)), raw, Buffer.from(LF)]);
}

export function corrupt(signature) {
  return signature.slice(0, CORRUPT_AT) + (signature[CORRUPT_AT] === 'A' ? 'B' : 'A') + signature.slice(CORRUPT_AT + 1);
}

// A different id of the same form.
export const otherEnd = (id) => id.slice(0, -1) + (id.endsWith('0') ? '1' : '0');

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
