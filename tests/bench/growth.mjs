// SPDX-License-Identifier: MIT
// Whether a page deep in a long list costs what the first one does. Nothing is cached: every page is asked of the database.

import path from 'node:path';
import { oursSql } from './data.mjs';
import { NO_CACHE, startOurs } from './ours.mjs';

const PAGES = 100;
const AT_ONCE = 100_000; // rows of one statement

export const GROWTH = { name: 'pages', title: '20 products each', status: 200, essence: (body) => body.length };

// Returns the peers "first pages", "deep pages" of one shop of so many products; stop() of the first stops it.
export async function startGrowth({ dir, binDir, rows, log }) {
  const size = { products: Math.min(AT_ONCE, rows / 2), users: 0 };
  const peer = await startOurs({ dir: path.join(dir, 'growth'), size, binDir, families: ['catalogue', 'passwords'], env: NO_CACHE });
  try {
    await fill(peer, size.products, rows / 2, log);
    const deep = await pagesFrom(peer, '/api/products?limit=20'); // the newest products come first: the rest will be before them
    await fill(peer, rows / 2, rows, log);
    const first = await pagesFrom(peer, '/api/products?limit=20');
    const of = (name, requests) => ({ ...peer, name, kind: 'growth', does: () => true, prepare: (work, directory) => peer.prepare({ ...work, requests: () => requests, name }, directory) });
    return [of('first pages', first), { ...of('deep pages', deep), stop: async () => {} }];
  } catch (error) {
    await peer.stop();
    throw error;
  }
}

async function fill({ shop }, from, to, log) {
  for (let at = from; at < to; at += AT_ONCE) {
    await shop.sql(oursSql(at + 1, Math.min(at + AT_ONCE, to)));
    log(`${Math.min(at + AT_ONCE, to)} products`);
  }
}

async function pagesFrom({ ask }, address) {
  const pages = [];
  for (let next = address; next && pages.length < PAGES;) {
    const request = { method: 'GET', path: next };
    pages.push(request);
    ({ next } = await ask(request));
  }
  return pages;
}
