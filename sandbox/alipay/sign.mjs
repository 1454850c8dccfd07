// SPDX-License-Identifier: MIT
// Alipay's RSA2 signatures in both directions, and the serial numbers of certificate mode, all by the functions of
// Alipay's SDK. The package exports only its client, hence the paths.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { makeVerifier as verifyTwice } from '../lib/sign.mjs';

const require = createRequire(import.meta.url);
const sdk = dirname(require.resolve('alipay-sdk'));
const { signatureV3: rsaSign, verifySignatureV3: rsaVerify } = require(join(sdk, 'util.js'));
const { getSN } = require(join(sdk, 'antcertutil.js'));

// The text that a signature over parameters covers: without those named and without empty ones, sorted by name.
export function signedText(params, without = ['sign']) {
  return Object.entries(params)
    .filter(([name, value]) => !without.includes(name) && value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

// Returns verify(text, signature) -> boolean, by the SDK and by node-forge.
export function makeVerifier(publicPem) {
  const verify = verifyTwice((message, signature) => rsaVerify(message, signature, publicPem), publicPem);
  return (text, signature) => verify(Buffer.from(text), signature);
}

export const makeSigner = (privatePem) => (text) => rsaSign(text, privatePem);

export const certificateSn = (pem) => getSN(pem);
export const rootSn = (pems) => getSN(pems, true);
