// SPDX-License-Identifier: MIT
// Delivers a notification to the shop: encrypted, signed, in any number of copies, and tampered with on request.
import { OPTIONS as COMMON, deliver as deliverCopies, flag, whole } from '../lib/deliver.mjs';
import { corrupt } from '../lib/sign.mjs';
import { seal } from './sign.mjs';

const OLD_S = 301;

// Ways to tamper with any notification; each kind adds changes of its own plain text as
// `plain`.
export const TAMPERS = {
  ciphertext: { damaged: true },
  timestamp: { ageS: OLD_S },
  signature: { corrupted: true },
};

const line = (max) => (value) => typeof value === 'string' && value.length <= max && /^[\x20-\x7e]+$/.test(value);

export const OPTIONS = {
  ...COMMON,
  reorder: [flag, 'true or false'],
  age_s: [whole(-100_000_000, 100_000_000), 'an integer'],
  event_id: [line(256), 'a line of ASCII'],
  serial: [line(256), 'a line of ASCII'],
};

function backwards(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, backwards(inner)]));
}

function buildBody({ event, type, summary, kind, plain, tamper }, apiV3Key) {
  tamper.plain?.(plain);
  const sealed = seal(JSON.stringify(plain), kind, apiV3Key, tamper.damaged);
  return {
    id: event.id,
    create_time: event.create_time,
    resource_type: 'encrypt-resource',
    event_type: type,
    summary,
    resource: { original_type: kind, ...sealed },
  };
}

// One copy: its own timestamp and signature over the body that all copies share.
function buildCopy(body, options, { tamper }, { sign, clock }) {
  const signedText = JSON.stringify(body);
  const headers = {
    'User-Agent': 'Mozilla/4.0',
    Accept: '*/*',
    'Content-Type': 'application/json',
    ...sign(signedText, clock.seconds() - (options.age_s ?? tamper.ageS ?? 0)),
  };
  if (tamper.corrupted) headers['Wechatpay-Signature'] = corrupt(headers['Wechatpay-Signature']);
  if (options.serial !== undefined) headers['Wechatpay-Serial'] = options.serial;
  return { headers, text: options.reorder ? JSON.stringify(backwards(body)) : signedText };
}

// Resolves to the shop's last response; with several copies, also to all of them.
//   notice   { event: { id, create_time }, type, summary, kind, plain, tamper, address, about }
//   context  { clock, sign, apiV3Key, signal, log }
export async function deliver(notice, options, context) {
  const body = buildBody(notice, context.apiV3Key);
  const makeCopy = () => buildCopy(body, options, notice, context);
  return deliverCopies({ address: notice.address, makeCopy, about: `${notice.event.id} of ${notice.about}` }, options, context);
}
