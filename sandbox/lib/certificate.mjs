// SPDX-License-Identifier: MIT
// A certificate of a key that signs itself, for what needs no more.
import { randomBytes } from 'node:crypto';
import forge from 'node-forge';

// pair: of makePair(); from, to: its validity in ms; serial: hexadecimal, and not negative.
export function selfSigned(pair, { from, to, serial = `1${randomBytes(8).toString('hex')}`, name = 'localhost' }) {
  const certificate = forge.pki.createCertificate();
  const attributes = [{ name: 'commonName', value: name }];
  certificate.serialNumber = serial;
  certificate.validity.notBefore = new Date(from);
  certificate.validity.notAfter = new Date(to);
  certificate.setSubject(attributes);
  certificate.setIssuer(attributes);
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  certificate.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}
