// SPDX-License-Identifier: MIT
// Private texts that no log may contain, and a detector that finds them in any encoding, whole or in part.
//
//   const canaries = new Canaries();
//   const phone = canaries.add('phone', '13812345678');
//   for (const { label, encoding, at } of canaries.find(readFileSync(log, 'latin1'))) …

import { randomBytes } from 'node:crypto';

const SLICE = 16; // a part of this length identifies a text
const SHORTEST = 6; // shorter texts are found by chance

const eachByte = (text, write) => [...Buffer.from(text)].map((byte) => write(byte.toString(16).padStart(2, '0'))).join('');

// The base64 of a text that starts n bytes into a group; only the characters that depend on it alone.
function base64Behind(text, n) {
  const bytes = Buffer.concat([Buffer.alloc(n), Buffer.from(text)]);
  return bytes.toString('base64').slice(Math.ceil(n * 8 / 6), Math.floor(bytes.length * 8 / 6));
}

// Each is searched case-insensitively.
export const ENCODINGS = {
  plain: (text) => Buffer.from(text).toString('latin1'),
  json: (text) => Buffer.from(JSON.stringify(text).slice(1, -1)).toString('latin1'),
  'json in ascii': (text) => JSON.stringify(text).slice(1, -1)
    .replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  percent: encodeURIComponent,
  'percent, all': (text) => eachByte(text, (hex) => `%${hex}`),
  hex: (text) => eachByte(text, (hex) => hex),
  'hex, escaped': (text) => eachByte(text, (hex) => `\\x${hex}`),
  'hex, where need be': (text) => Buffer.from(text).toString('latin1').replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`),
  base64: (text) => base64Behind(text, 0),
  'base64 behind 1': (text) => base64Behind(text, 1),
  'base64 behind 2': (text) => base64Behind(text, 2),
  base64url: (text) => base64Behind(text, 0).replaceAll('+', '-').replaceAll('/', '_'),
};

function partsOf(text) {
  if (text.length <= SLICE) return [text];
  const parts = [];
  for (let at = 0; at + SLICE <= text.length; at += SLICE) parts.push(text.slice(at, at + SLICE));
  return [...parts, text.slice(-SLICE)];
}

export class Canaries {
  #texts = new Map(); // text → label
  #needles = new Map(); // first characters → [{ needle, label, encoding }]

  // Registers a text and returns it.
  add(label, text) {
    if (typeof text !== 'string' || Buffer.byteLength(text) < SHORTEST) throw new Error(`no canary: ${label} ${text}`);
    if (this.#texts.has(text)) return text;
    this.#texts.set(text, label);
    for (const [encoding, write] of Object.entries(ENCODINGS)) {
      for (const part of partsOf(write(text))) this.#watch(part.toLowerCase(), label, encoding);
    }
    return text;
  }

  // A new one, optionally with a prefix or suffix.
  make(label, before = '', behind = '') {
    return this.add(label, `${before}${randomBytes(12).toString('hex')}${behind}`);
  }

  // [text, label] of all.
  get all() { return [...this.#texts]; }

  #watch(needle, label, encoding) {
    if (needle.length < SHORTEST) return;
    const start = needle.slice(0, SHORTEST);
    if (!this.#needles.has(start)) this.#needles.set(start, []);
    this.#needles.get(start).push({ needle, label, encoding });
  }

  // In a log's bytes as latin1: [{ label, encoding, at, line }], one per line and canary.
  find(bytes) {
    const found = new Map();
    for (const [n, line] of bytes.split('\n').entries()) {
      const lower = line.toLowerCase();
      for (const text of new Set([lower, lower.replaceAll('\\\\', '\\')])) { // a message may be escaped twice
        for (const { label, encoding } of this.#hits(text)) {
          const key = `${n} ${label}`;
          if (!found.has(key)) found.set(key, { label, encoding, at: n + 1, line });
        }
      }
    }
    return [...found.values()];
  }

  * #hits(text) {
    for (let at = 0; at + SHORTEST <= text.length; at += 1) {
      for (const candidate of this.#needles.get(text.substr(at, SHORTEST)) ?? []) {
        if (text.startsWith(candidate.needle, at)) yield candidate;
      }
    }
  }
}
