// SPDX-License-Identifier: MIT
// Texts as GBK: the table of the platform's decoder, reversed. What isn't in GBK becomes a question mark, as in Alipay's files.
const LEAD = [0x81, 0xfe];
const TRAIL = [0x40, 0xfe];
const NOT_A_TRAIL = 0x7f;

let table = null;

function makeTable() {
  const decoder = new TextDecoder('gbk');
  const made = new Map();
  for (let lead = LEAD[0]; lead <= LEAD[1]; lead += 1) {
    for (let trail = TRAIL[0]; trail <= TRAIL[1]; trail += 1) {
      const bytes = Buffer.from([lead, trail]);
      const text = decoder.decode(bytes);
      const private_ = /\p{Co}/u.test(text); // code points that other tables don't have
      if (trail !== NOT_A_TRAIL && [...text].length === 1 && text !== '\ufffd' && !private_ && !made.has(text)) made.set(text, bytes);
    }
  }
  return made;
}

export function toGbk(text) {
  table ??= makeTable();
  return Buffer.concat([...text].map((char) => (char < '\x80' ? Buffer.from(char) : table.get(char) ?? Buffer.from('?'))));
}
