// SPDX-License-Identifier: MIT
// Zip archives, sound and otherwise.
import { deflateRawSync } from 'node:zlib';

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let i = 0; i < 8; i += 1) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

function crc32(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = CRC[(c ^ byte) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

const DEFLATED = 8;
const NEEDED = 20; // version 2.0
const DATE = 0x5b7b; // 27 November 2025
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

// Values of 2 or 4 bytes: [size, value]…
function packed(...fields) {
  return Buffer.concat(fields.map(([size, value]) => {
    const bytes = Buffer.alloc(size);
    if (size === 2) bytes.writeUInt16LE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  }));
}

// files: [{ name, content, flags?, crc?, size?, method? }], Buffers; what is given of the latter is a lie.
export function zip(files) {
  const locals = [];
  const centrals = [];
  let at = 0;
  for (const { name, content, flags = 0, crc = crc32(content), size = content.length, method = DEFLATED } of files) {
    const data = deflateRawSync(content);
    const common = packed([2, NEEDED], [2, flags], [2, method], [2, 0], [2, DATE], [4, crc], [4, data.length], [4, size], [2, name.length], [2, 0]);
    const local = Buffer.concat([packed([4, LOCAL]), common, name, data]);
    centrals.push(packed([4, CENTRAL], [2, NEEDED]), common, packed([2, 0], [2, 0], [2, 0], [4, 0], [4, at]), name);
    locals.push(local);
    at += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = packed([4, END], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, central.length], [4, at], [2, 0]);
  return Buffer.concat([...locals, central, end]);
}
