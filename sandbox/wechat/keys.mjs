// SPDX-License-Identifier: MIT
// The secrets of one sandbox: generated once into a directory, never hard-coded, never shared.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import forge from 'node-forge';
import { writePrivate } from '../files.mjs';
import { makeClock } from '../lib/clock.mjs';
import { digits, makePair } from '../lib/sign.mjs';
import { nonce } from './sign.mjs';

const LIFE_YEARS = 5;
const AGES_DAYS = [1, 3 * 365]; // of the platform's certificates, newest first: WeChat returns both during a rotation

const hex = (bytes) => randomBytes(bytes).toString('hex');

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

// Self-signed: WeChat's root is not public either, and a shop's trust is based on the APIv3 key.
function makeCertificate(ageDays, now) {
  const pair = makePair();
  const certificate = forge.pki.createCertificate();
  const { validity } = certificate;
  const name = [{ name: 'commonName', value: 'Tenpay.com sandbox' }, { name: 'countryName', value: 'CN' }];

  certificate.serialNumber = `6${hex(20).slice(1)}`; // 40 digits, and not negative
  validity.notBefore = new Date(now - ageDays * 86_400_000);
  validity.notAfter = new Date(validity.notBefore);
  validity.notAfter.setUTCFullYear(validity.notBefore.getUTCFullYear() + LIFE_YEARS);
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
  ]);
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  certificate.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n'), privateKey: pair.privateKey };
}

// Reads what dir contains, or generates it: wechat.json, four PEM files and the platform's certificates,
// all mode 0600. Each JSON is written last and renamed when complete, so an interrupted
// run leaves nothing incomplete. clockFile: the clock by which the certificates are valid.
export function makeKeys(dir, { clockFile } = {}) {
  const path = (name) => resolve(join(dir, name));
  const write = (name, text) => writePrivate(path(name), text);
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
  if (!existsSync(path('wechat-certificates.json'))) { // an old directory may have no certificates
    const now = makeClock(clockFile).ms();
    write('wechat-certificates.json', `${JSON.stringify(AGES_DAYS.map((days) => makeCertificate(days, now)), null, 2)}\n`);
  }
  return {
    ...JSON.parse(read('wechat.json')),
    merchantPrivateKeyFile: path('wechat-merchant-private.pem'),
    merchantPublicKey: read('wechat-merchant-public.pem'),
    platformPrivateKey: read('wechat-platform-private.pem'),
    platformPublicKeyFile: path('wechat-platform-public.pem'),
    platformCertificates: JSON.parse(read('wechat-certificates.json')),
  };
}
