// The secrets of one sandbox: made once into a directory, never fixed, never shared.
import { generateKeyPairSync, randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nonce } from './wechat-sign.mjs';

const digits = (n) => Array.from({ length: n }, () => randomInt(10)).join('');
const hex = (bytes) => randomBytes(bytes).toString('hex');

function makePair() {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

function makeIdentity() {
  const mchid = `19${digits(8)}`;
  return {
    appid: `wx${hex(8)}`,
    secret: hex(16),
    mchid,
    apiV3Key: nonce(32),
    merchantSerial: `5${hex(20).slice(1)}`.toUpperCase(),
    platformKeyId: `PUB_KEY_ID_011${mchid}${digits(15)}`,
  };
}

// Reads what dir holds, or makes it: wechat.json and four PEM files, all mode 0600. The JSON comes
// last, under its final name only when complete, so an interrupted run leaves nothing half made.
export function makeKeys(dir) {
  const path = (name) => resolve(join(dir, name));
  const write = (name, text) => {
    writeFileSync(`${path(name)}.tmp`, text, { mode: 0o600 });
    renameSync(`${path(name)}.tmp`, path(name));
  };
  const read = (name) => readFileSync(path(name), 'utf8');

  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!existsSync(path('wechat.json'))) {
    for (const owner of ['merchant', 'platform']) {
      const pair = makePair();
      write(`wechat-${owner}-private.pem`, pair.privateKey);
      write(`wechat-${owner}-public.pem`, pair.publicKey);
    }
    write('wechat.json', `${JSON.stringify(makeIdentity(), null, 2)}\n`);
  }
  return {
    ...JSON.parse(read('wechat.json')),
    merchantPrivateKeyFile: path('wechat-merchant-private.pem'),
    merchantPublicKey: read('wechat-merchant-public.pem'),
    platformPrivateKey: read('wechat-platform-private.pem'),
    platformPublicKeyFile: path('wechat-platform-public.pem'),
  };
}
