// SPDX-License-Identifier: MIT
// The categories as a tree: the API returns them as a flat list, newest first.

import { everyRow, send } from './api.mjs';

// load(address) returns one page, as send() does.
export async function loadTree(load = (page) => send('GET', page)) {
  return new Tree(await everyRow(load, '/api/categories?limit=500'));
}

export class Tree {
  #children = new Map();
  #known;

  constructor(rows) {
    this.#known = new Map(rows.map((row) => [row.category_id, row]));
    for (const row of [...rows].sort((a, b) => a.category_id - b.category_id)) {
      const parent = this.#known.has(row.parent_id) ? row.parent_id : null;
      this.#children.set(parent, [...this.#children.get(parent) ?? [], row]);
    }
  }

  get(id) { return this.#known.get(id) ?? null; }

  // null: the top level.
  childrenOf(id) { return this.#children.get(id) ?? []; }

  // [{ row, depth }], each followed by its descendants; without the branch of `except`.
  flat(except = null, parent = null, depth = 0) {
    return this.childrenOf(parent).filter((row) => row.category_id !== except)
      .flatMap((row) => [{ row, depth }, ...this.flat(except, row.category_id, depth + 1)]);
  }

  // Choices of a <select>, indented by their depth.
  choices(except = null) {
    return this.flat(except).map(({ row, depth }) => [row.category_id, `${'\u3000'.repeat(depth)}${row.name}`]);
  }
}
