// SPDX-License-Identifier: MIT
// The lists of cards and of a ledger: cursors, and that the database reads any page by one index (BEHAVIOUR 13).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sequence } from '../../../sandbox/database/sql.mjs';
import { CARDS, LEDGER } from '../lib/cards.mjs';
import { rawRequest } from '../lib/raw-request.mjs';
import { openShop } from '../lib/harness.mjs';
import { EIGHT, assertWalks, cursorOf, deepCursor, nextOf, pagesOf, rowsRead, withQuery, withStatementLog } from '../lib/query-plans.mjs';

const ROWS = 4000; // enough for an index to matter

const shop = await openShop({ families: ['cards', 'login', 'users'] });
const admin = await shop.admin();
const anna = await shop.login('anna');
const bob = await shop.login('bob');
const annaId = anna.user.user_id;

// Anna had the older half of all cards, one after the other; others have one each, some disabled, some deleted. She
// and Bob have the newest, with long, interleaved ledgers.
await shop.sql(`
  INSERT INTO users (user_id, nickname, permission_level, created_at, updated_at)
    SELECT 10000 + seq, CONCAT('顾客 ', seq), 0, 1700000000000, 1700000000000 FROM ${sequence(ROWS + 2)};
  INSERT INTO members (user_id, member_code, joined_at, last_active_at)
    SELECT user_id, CONCAT('T', user_id), created_at, created_at FROM users WHERE user_id > 10000;
  INSERT INTO cards (card_id, user_id, live_user_id, card_number, balance, status, created_at, updated_at, deleted_at)
    SELECT ${ROWS} + seq, 10000 + seq, IF(seq % 10 = 9, NULL, 10000 + seq), CONCAT('2', LPAD(seq, 15, '0')), 0, seq % 3 > 0,
      1700000000000, 1700000000000, IF(seq % 10 = 9, 1700000000000, NULL) FROM ${sequence(ROWS)};
  INSERT INTO cards (card_id, user_id, live_user_id, card_number, balance, status, created_at, updated_at, deleted_at)
    SELECT seq, ${annaId}, NULL, CONCAT('1', LPAD(seq, 15, '0')), 0, 1, 1700000000000, 1700000000000, 1700000000000
    FROM ${sequence(ROWS)};
  INSERT INTO cards (card_id, user_id, live_user_id, card_number, balance, status, created_at, updated_at)
    VALUES (20001, ${annaId}, ${annaId}, '9999999999920001', ${ROWS}, 1, 1700000000000, 1700000000000),
      (20002, ${bob.user.user_id}, ${bob.user.user_id}, '9999999999920002', ${ROWS}, 1, 1700000000000, 1700000000000);
  INSERT INTO card_transactions (card_id, type, amount, balance_after, created_at)
    SELECT IF(seq % 2, 20001, 20002), 1, 1, CEIL(seq / 2), 1700000000000 + seq FROM ${sequence(2 * ROWS)};
  ANALYZE TABLE users, cards, card_transactions`);

const LEDGER_OF_ANNA = `${LEDGER}?card_id=20001`;
const ids = async (sql) => (await shop.sql(sql)).map(({ id }) => id);

test('limits are those of every list: 100 without one, never more than 500 (B13)', async () => {
  for (const [address, token] of [[CARDS, admin], [LEDGER_OF_ANNA, admin], [LEDGER_OF_ANNA, anna.token]]) {
    for (const [query, rows] of [['', 100], ['limit=1', 1], ['limit=500', 500], ['limit=501', 500], ['limit=2147483647', 500]]) {
      const answer = await rawRequest(shop, 'GET', withQuery(address, query), { token });
      assert.equal(answer.json.length, rows, query);
      assert.notEqual(nextOf(answer), null);
    }
    for (const limit of ['0', '-1', '2147483648', 'abc', '1.5', '01', '']) {
      const answer = await rawRequest(shop, 'GET', withQuery(address, `limit=${limit}`), { token });
      assert.deepEqual([answer.status, answer.json.field], [400, 'limit'], limit);
    }
  }
});

test('a forged or truncated cursor, or one of another list, is 400 (B13)', async () => {
  const own = await Promise.all([CARDS, LEDGER_OF_ANNA].map(async (address) => (
    cursorOf(nextOf(await rawRequest(shop, 'GET', withQuery(address, 'limit=3'), { token: admin }))))));
  for (const [at, address] of [CARDS, LEDGER_OF_ANNA].entries()) {
    const cursor = own[at];
    assert.equal((await rawRequest(shop, 'GET', withQuery(address, `cursor=${cursor}`), { token: admin })).status, 200);
    const flipped = [...cursor].map((letter, i) => `${cursor.slice(0, i)}${letter === 'A' ? 'B' : 'A'}${cursor.slice(i + 1)}`);
    for (const forged of [...flipped, own[1 - at], cursor.slice(0, -1), `${cursor}A`, '', '1', Buffer.alloc(24).toString('base64url')]) {
      const answer = await rawRequest(shop, 'GET', withQuery(address, `cursor=${forged}`), { token: admin });
      assert.deepEqual([answer.status, answer.json.field], [400, 'cursor'], forged);
    }
  }
});

test('the pages make up the list: newest first, no row repeated or missing (B13)', async () => {
  for (const [address, token, member, sql] of [
    [`${CARDS}?limit=499`, admin, 'card_id', 'SELECT card_id AS id FROM cards WHERE deleted_at IS NULL'],
    [`${CARDS}?limit=250&status=0`, admin, 'card_id', 'SELECT card_id AS id FROM cards WHERE deleted_at IS NULL AND status = 0'],
    [`${CARDS}?limit=500&status=1`, admin, 'card_id', 'SELECT card_id AS id FROM cards WHERE deleted_at IS NULL AND status = 1'],
    [withQuery(LEDGER_OF_ANNA, 'limit=333'), admin, 'transaction_id', 'SELECT transaction_id AS id FROM card_transactions WHERE card_id = 20001'],
    [withQuery(LEDGER_OF_ANNA, 'limit=500'), anna.token, 'transaction_id', 'SELECT transaction_id AS id FROM card_transactions WHERE card_id = 20001'],
  ]) {
    const pages = await pagesOf(shop, address, token);
    assert.ok(pages.length > 2 && pages.every((page) => page.length > 0), address);
    assert.deepEqual(pages.flat().map((row) => row[member]), await ids(`${sql} ORDER BY id DESC`), address);
  }
});

test('pages neither repeat nor skip a row while cards are created and deleted, and a ledger grows (B13)', async () => {
  const known = await ids('SELECT card_id AS id FROM cards WHERE deleted_at IS NULL ORDER BY id DESC');
  const hidden = known.at(-1);
  const pages = await pagesOf(shop, `${CARDS}?limit=400`, admin, async (n) => {
    if (n === 1) await shop.ok('POST', CARDS, { token: admin, body: { user_id: 10_000 + ROWS + 1 } });
    if (n === 1) await shop.call('DELETE', `${CARDS}/${hidden}`, { token: admin });
  });
  assert.deepEqual(pages.flat().map((row) => row.card_id), known.filter((id) => id !== hidden));
  const entries = await ids('SELECT transaction_id AS id FROM card_transactions WHERE card_id = 20001 ORDER BY id DESC');
  const grown = await pagesOf(shop, withQuery(LEDGER_OF_ANNA, 'limit=500'), anna.token, () => (
    shop.ok('POST', LEDGER, { token: admin, body: { card_id: 20_001, type: 1, amount: '1.00' } })));
  assert.deepEqual(grown.flat().map((row) => row.transaction_id), entries);
});

test('the next page keeps the filters, and another user\'s ledger is refused on every page (B4)', async () => {
  const first = await rawRequest(shop, 'GET', `${CARDS}?status=0&limit=2`, { token: admin });
  const next = new URLSearchParams(nextOf(first).split('?')[1]);
  assert.deepEqual([next.get('status'), next.get('limit')], ['0', '2']);
  const page = nextOf(await rawRequest(shop, 'GET', withQuery(LEDGER_OF_ANNA, 'limit=2'), { token: anna.token }));
  assert.equal((await rawRequest(shop, 'GET', page, { token: bob.token })).status, 403);
  assert.equal((await rawRequest(shop, 'GET', page.replace('20001', '20002'), { token: anna.token })).status, 403);
  assert.deepEqual((await rawRequest(shop, 'GET', CARDS, { token: bob.token })).json.map((row) => row.card_id), [20_002]);
});

// ---- query plans ----

// [address, token, table, index, bytes of it used]
const VARIANTS = [
  [CARDS, admin, 'k', 'PRIMARY', EIGHT],
  [`${CARDS}?status=0`, admin, 'k', 'by_status', 1 + EIGHT],
  [`${CARDS}?status=1`, admin, 'k', 'by_status', 1 + EIGHT],
  [`${CARDS}?user_id=${annaId}`, admin, 'k', 'by_user', EIGHT + EIGHT],
  [`${CARDS}?user_id=${annaId}&status=1`, admin, 'k', 'by_user', EIGHT + EIGHT],
  [CARDS, anna.token, 'k', 'by_user', EIGHT + EIGHT],
  [`${CARDS}?status=1`, anna.token, 'k', 'by_user', EIGHT + EIGHT],
  [LEDGER_OF_ANNA, admin, 't', 'by_card', EIGHT + EIGHT],
  [LEDGER_OF_ANNA, anna.token, 't', 'by_card', EIGHT + EIGHT],
];

test('every list reads its own index from the cursor on, at constant cost per page (B13, B60)', async () => {
  await withStatementLog(shop, async (statementFor) => {
    let limit = 101;
    for (const [address, token, table, key, bytes] of VARIANTS) {
      const single = address !== LEDGER_OF_ANNA && key === 'by_user'; // a user has one live card: there is no second page
      let cursor = '';
      for (const depth of single ? ['first'] : ['first', 'deep']) {
        limit += 1;
        const answer = await rawRequest(shop, 'GET', withQuery(address, `limit=${limit}${cursor}`), { token });
        assert.equal(answer.json.length, single ? 1 : limit, `${address} ${answer.text.slice(0, 200)}`);
        const statement = await statementFor(limit);
        const told = `${address} (${depth})`;
        await assertWalks(shop, statement, { table, key, bytes }, told);
        if (!single) {
          const over = await rowsRead(shop, statement, table) - limit;
          const hiddenShare = limit * 0.2; // deleted rows are skipped
          assert.ok(over <= 1 + hiddenShare, `${told} read ${over} rows more than it shows`);
        }
        if (!single && depth === 'first') cursor = `&cursor=${await deepCursor(shop, withQuery(address, 'limit=250'), token)}`;
      }
    }
  });
});
