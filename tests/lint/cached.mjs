// SPDX-License-Identifier: MIT
// Tables whose rows are in values that are cached for all processes (ext/state.h), and what invalidates those: every function that
// uses a statement which writes to one calls a function whose name begins so (sql.mjs). What else is cached of rows may be
// old for as long as it is kept: a member's time of activity (people/standing.h).

export const CACHED = {
  products: 'answers_note_',
  categories: 'answers_note_',
  sessions: 'standing_revoke_',
  users: 'standing_revoke_',
};

// Statements that take nothing away from what is cached, and why.
export const HARMLESS = {
  'lib/shop/people/session.c SQL_OPEN': 'a new session',
  'lib/shop/people/session.c SQL_EXTEND': 'a session goes on',
  'lib/shop/people/session.c SQL_PURGE': 'its last access token expired 29 days before',
  'lib/shop/people/user.c SQL_INSERT': 'a new user',
  'lib/shop/people/user.c SQL_HOLD': 'a number that only locks',
  'lib/shop/people/user.c SQL_HOLD_TO_ORDER': 'the same, and one about orders',
  'lib/shop/people/user.c SQL_SET_PENDING': 'a number about orders',
};
