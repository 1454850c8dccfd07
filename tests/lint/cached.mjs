// SPDX-License-Identifier: MIT
// Tables whose rows are in values that are cached for all processes (ext/state.h), and what invalidates those: every function that
// uses a statement which writes to one calls a function of that name's beginning (sql.mjs).

export const CACHED = {
  products: 'answers_note_',
  categories: 'answers_note_',
};
