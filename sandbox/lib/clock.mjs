// SPDX-License-Identifier: MIT
// The simulators' clock: the machine's, plus an offset in seconds that a test sets in a file; and the providers' formats of time.
import { readFileSync } from 'node:fs';

const CHINA_MS = 8 * 3600 * 1000; // all of the providers' times are those of +08:00
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/;

// The file is read at each use, so that a test shifts the clock of every process at once. While the
// file is rewritten it may be empty for an instant; then the previous offset applies.
export function makeClock(file) {
  let offsetMs = 0;
  const readOffset = () => {
    let text;
    try {
      text = readFileSync(file, 'utf8').trim();
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      text = '0';
    }
    if (/^[+-]?\d{1,12}$/.test(text)) offsetMs = Number(text) * 1000;
    return offsetMs;
  };
  const ms = () => Date.now() + (file ? readOffset() : 0);
  return { ms, seconds: () => Math.floor(ms() / 1000) };
}

export function toRfc3339(ms) {
  return `${new Date(ms + CHINA_MS).toISOString().slice(0, 19)}+08:00`;
}

// The format in providers' ids: 20260131235959.
export const toDigits = (ms) => toRfc3339(ms).slice(0, 19).replace(/\D/g, '');

// Milliseconds, or null for anything but a valid time in WeChat's format.
export function fromRfc3339(text) {
  if (!RFC3339.test(text)) return null;
  const ms = Date.parse(text);
  // 30 February parses as 2 March: only a time that prints as written is valid.
  return Number.isNaN(ms) || toRfc3339(ms) !== text ? null : ms;
}

// Alipay's format: the same without the zone.
export const toLocal = (ms) => toRfc3339(ms).slice(0, 19).replace('T', ' ');
export const fromLocal = (text) => (/^\S+ \S+$/.test(text) ? fromRfc3339(`${text.replace(' ', 'T')}+08:00`) : null);
