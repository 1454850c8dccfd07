// SPDX-License-Identifier: MIT
// The secrets of one sandbox: generated once into a directory, never hard-coded, never shared.
import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import forge from 'node-forge';
import { keptJson, writePrivate } from '../files.mjs';
import { makeClock } from '../lib/clock.mjs';
import { digits, makePair } from '../lib/sign.mjs';

const { asn1, pki } = forge;
const LIFE_YEARS = 5;
const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

const lines = (pem) => pem.replaceAll('\r\n', '\n');

const nameOf = (commonName) => [
  { shortName: 'C', value: 'CN' },
  { shortName: 'O', value: 'Sandbox Financial 沙箱', valueTagClass: asn1.Type.UTF8 },
  { shortName: 'OU', value: 'Certification Authority' },
  { shortName: 'CN', value: commonName },
];

// issuer: { name, privateKey }, or nothing: self-signed.
function makeCertificate(commonName, pair, now, { issuer, ca = false } = {}) {
  const certificate = pki.createCertificate();
  certificate.serialNumber = `2${randomBytes(16).toString('hex').slice(1)}`; // never negative
  certificate.validity.notBefore = new Date(now - DAY_MS);
  certificate.validity.notAfter = new Date(now);
  certificate.validity.notAfter.setUTCFullYear(certificate.validity.notAfter.getUTCFullYear() + LIFE_YEARS);
  certificate.setSubject(nameOf(commonName));
  certificate.setIssuer(nameOf(issuer?.name ?? commonName));
  certificate.setExtensions([{ name: 'basicConstraints', cA: ca }]);
  certificate.publicKey = pki.publicKeyFromPem(pair.publicKey);
  certificate.sign(pki.privateKeyFromPem(issuer?.privateKey ?? pair.privateKey), forge.md.sha256.create());
  return certificate;
}

// The same certificate with a key and a signature on an elliptic curve. Alipay's bundle of roots begins with one that isn't
// RSA, and whose serial number doesn't count; SM2 itself is beyond Node and node-forge.
function onCurve(certificate) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'der' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const algorithm = () => asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(ECDSA_WITH_SHA256).getBytes()),
  ]);
  const whole = pki.certificateToAsn1(certificate);
  const [signed] = whole.value;
  signed.value[2] = algorithm(); // version, serial number, algorithm, issuer, validity, subject, key
  signed.value[6] = asn1.fromDer(publicKey.toString('latin1'));
  const bytes = Buffer.from(asn1.toDer(signed).getBytes(), 'latin1');
  const signature = createSign('sha256').update(bytes).sign(privateKey).toString('latin1');
  whole.value = [signed, algorithm(), asn1.create(asn1.Class.UNIVERSAL, asn1.Type.BITSTRING, false, `\0${signature}`)];
  return lines(forge.pem.encode({ type: 'CERTIFICATE', body: asn1.toDer(whole).getBytes() }));
}

function makeCertificates({ app, alipay }, now) {
  const root = makePair();
  const pem = (...args) => lines(pki.certificateToPem(makeCertificate(...args)));
  const issuer = { name: 'Sandbox Root R1', privateKey: root.privateKey };
  return {
    app: pem('app', app, now, { issuer }),
    alipay: pem('alipay', alipay, now, { issuer }),
    root: onCurve(makeCertificate('Sandbox Root E1', root, now, { ca: true })) + pem(issuer.name, root, now, { ca: true }),
  };
}

// Reads what dir contains, or generates it: alipay.json, PEM files of the keys and of certificate mode's certificates, all
// mode 0600. The JSON is written last, so an interrupted run leaves nothing incomplete. clockFile: the clock by
// which the certificates are valid.
export function makeKeys(dir, { clockFile } = {}) {
  const path = (name) => resolve(join(dir, name));
  const read = (name) => readFileSync(path(name), 'utf8');

  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!existsSync(path('alipay.json'))) {
    const pairs = { app: makePair(), alipay: makePair(), 'alipay-certificate': makePair() };
    for (const [owner, pair] of Object.entries(pairs)) {
      writePrivate(path(`${owner}-private.pem`), pair.privateKey);
      writePrivate(path(`${owner}-public.pem`), pair.publicKey);
    }
    const certificates = makeCertificates({ app: pairs.app, alipay: pairs['alipay-certificate'] }, makeClock(clockFile).ms());
    for (const [owner, pem] of Object.entries(certificates)) writePrivate(path(`${owner}-certificate.crt`), pem);
  }
  return {
    ...keptJson(path('alipay.json'), () => ({ appId: `2021${digits(12)}`, sellerId: `2088${digits(12)}` })),
    appPrivateKeyFile: path('app-private.pem'),
    appPublicKey: read('app-public.pem'),
    alipayPublicKeyFile: path('alipay-public.pem'),
    alipayPrivateKey: read('alipay-private.pem'),
    appCertificateFile: path('app-certificate.crt'),
    alipayCertificateFile: path('alipay-certificate.crt'),
    alipayRootCertificateFile: path('root-certificate.crt'),
    alipayCertificatePrivateKey: read('alipay-certificate-private.pem'),
  };
}
