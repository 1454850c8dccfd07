// SPDX-License-Identifier: MIT
// RSA keys and signatures, as all providers that use them need.
import { generateKeyPairSync, randomInt } from 'node:crypto';
import forge from 'node-forge';

const CORRUPT_AT = 10; // where corrupt() changes a signature: any character but the padding

export const digits = (n) => Array.from({ length: n }, () => randomInt(10)).join('');

export function makePair() {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

// Returns verify(message: Buffer, signature: Base64) -> boolean. Two independent implementations
// check every signature: bySdk, the provider's SDK (OpenSSL), and node-forge (JavaScript). A difference is thrown:
// it is a fault of one of them, never to be guessed.
export function makeVerifier(bySdk, publicPem) {
  const javascript = forge.pki.publicKeyFromPem(publicPem);
  const forgeVerify = (message, signature) => {
    const digest = forge.md.sha256.create().update(message.toString('latin1')).digest().bytes();
    try {
      return javascript.verify(digest, forge.util.decode64(signature));
    } catch {
      return false; // forge throws when the length or the inner padding is wrong
    }
  };
  return (message, signature) => {
    // Both decoders are more lenient than the providers, so the form is checked first.
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(signature) || signature.length % 4 !== 0) return false;
    const verdict = bySdk(message, signature);
    if (verdict !== forgeVerify(message, signature)) {
      throw new Error(`two implementations disagree: OpenSSL says ${verdict}, node-forge the opposite`);
    }
    return verdict;
  };
}

export function corrupt(signature) {
  return signature.slice(0, CORRUPT_AT) + (signature[CORRUPT_AT] === 'A' ? 'B' : 'A') + signature.slice(CORRUPT_AT + 1);
}

// A different id of the same form.
export const otherEnd = (id) => id.slice(0, -1) + (id.endsWith('0') ? '1' : '0');
