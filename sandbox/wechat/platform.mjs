// SPDX-License-Identifier: MIT
// WeChat Pay's signing keys: its public key, or one of its platform certificates.
import { X509Certificate } from 'node:crypto';
import { toRfc3339 } from '../lib/clock.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { Refusal } from './errors.mjs';
import { makeSigner, seal } from './sign.mjs';

function openCertificate({ certificate, privateKey }) {
  const x509 = new X509Certificate(certificate);
  return {
    serial: x509.serialNumber,
    effective: toRfc3339(Date.parse(x509.validFrom)),
    expire: toRfc3339(Date.parse(x509.validTo)),
    pem: certificate,
    sign: makeSigner(privateKey, x509.serialNumber),
  };
}

// certificates: false is a merchant in public-key mode, without platform certificates; true is one
// migrating from certificates to the public key, with both.
export class Platform {
  #publicKey;
  #signer;

  constructor({ platformPrivateKey, platformKeyId, platformCertificates, certificates = false, apiV3Key }) {
    this.#publicKey = { serial: platformKeyId, sign: makeSigner(platformPrivateKey, platformKeyId) };
    this.#signer = this.#publicKey;
    this.certificates = certificates ? platformCertificates.map(openCertificate) : []; // newest first
    this.apiV3Key = apiV3Key;
  }

  get #keys() {
    return [this.#publicKey, ...this.certificates];
  }

  // The serials that a request may name as known.
  get serials() {
    return this.#keys.map(({ serial }) => serial);
  }

  // The key that signs the response to a request that names a known key; null: an unknown one.
  signOf(serial) {
    return this.#keys.find((key) => key.serial === serial)?.sign ?? null;
  }

  sign(text, timestamp) {
    return this.#signer.sign(text, timestamp);
  }

  // From now on this key signs answers and notifications.
  choose({ kind, index = 0, ...rest }) {
    const extra = Object.keys(rest);
    if (extra.length > 0) throw new SandboxError(400, `unknown member ${extra[0]}: kind, index`);
    const signers = new Map([['pubkey', [this.#publicKey]], ['certificate', this.certificates]]).get(kind);
    if (!signers) throw new SandboxError(400, 'kind must be pubkey or certificate');
    if (!Number.isSafeInteger(index) || !signers[index]) {
      throw new SandboxError(400, `index must be below ${signers.length}: so many of this kind are there`);
    }
    this.#signer = signers[index];
    return { serial: this.#signer.serial };
  }
}

// All of them, including an expired one: the shop must check. Signed with the key that the request
// names, otherwise with the newest, which a first-time caller cannot know yet: then the encryption
// is the proof.
export function listCertificates({ query, serial: known, platform }) {
  const { certificates, apiV3Key } = platform;
  if (certificates.length === 0 || query.get('algorithm_type') === 'SM2') {
    throw new Refusal('RESOURCE_NOT_EXISTS', { text: '无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥' });
  }
  const data = certificates.map(({ serial, effective, expire, pem }) => ({
    serial_no: serial,
    effective_time: effective,
    expire_time: expire,
    encrypt_certificate: seal(pem, 'certificate', apiV3Key),
  }));
  return { status: 200, body: { data }, sign: platform.signOf(known) ?? certificates[0].sign };
}
