// SPDX-License-Identifier: MIT
// A simulator's state. With a file, it survives a restart; a response is sent only after its content is stored.
import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

const VERSION = 1;

// A subclass has dump(), which returns what is stored, and calls load() once it can take it.
export class Store {
  #file;
  #writing = Promise.resolve();
  #queued = null;

  constructor(file) {
    this.#file = file;
  }

  // Returns what is stored, or null.
  load() {
    const file = this.#file;
    if (!file || !existsSync(file)) return null;
    let saved;
    try {
      saved = JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      throw new Error(`${file} holds no state of a simulator (${error.message}): remove it`);
    }
    if (saved.version !== VERSION) throw new Error(`${file} is of version ${saved.version}, not ${VERSION}: remove it`);
    return saved;
  }

  // Resolves when all changes before this call are in the file. Changes made while a
  // write is in progress share the next one.
  saved() {
    if (!this.#file) return Promise.resolve();
    this.#queued ??= this.#writing.catch(() => {}).then(() => {
      this.#queued = null;
      this.#writing = this.#write();
      return this.#writing;
    });
    return this.#queued;
  }

  async #write() {
    const temporary = `${this.#file}.${process.pid}.tmp`;
    await writeFile(temporary, JSON.stringify({ version: VERSION, ...this.dump() }), { mode: 0o600 });
    await rename(temporary, this.#file);
  }
}
