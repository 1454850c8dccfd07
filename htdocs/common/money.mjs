// SPDX-License-Identifier: MIT
// Yuan as texts: nothing here computes with binary fractions.

const YUAN = /^\d{1,10}(\.\d{1,2})?$/;

export function isYuan(text) {
  return YUAN.test(text);
}

// '29.9' and 29.9 are '29.90'. A number from the API has at most 12 digits, which String() returns exactly.
export function yuanText(value) {
  const text = String(value);
  if (!isYuan(text)) throw new RangeError(`no amount: ${text}`);
  const [yuan, fen = ''] = text.split('.');
  return `${yuan.replace(/^0+(?=\d)/, '')}.${fen.padEnd(2, '0')}`;
}

// '29.9' is 2990: whole fen, so that amounts can be compared.
export function fenOf(value) {
  return Number(yuanText(value).replace('.', ''));
}

// 2990 is '29.90'; negative amounts are '0.00'.
export function yuanOf(fen) {
  const digits = String(Math.max(0, fen)).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

// For people: ¥1,280.00
export function showYuan(value) {
  return `¥${yuanText(value).replace(/\d(?=(\d{3})+\.)/g, '$&,')}`;
}
