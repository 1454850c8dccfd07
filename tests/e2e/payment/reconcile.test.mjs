// SPDX-License-Identifier: MIT
// The providers' bills of a day against the books: what differs is found, nothing else is, and what a query can mend is mended
// (PAYMENTS 7.1, rule 9; BEHAVIOUR 67). Each test has days of its own.
import assert from 'node:assert/strict';
import { afterEach, before, test } from 'node:test';
import { sequence } from '../../../sandbox/database/sql.mjs';
import { EIGHT, assertWalks, nextOf, pagesOf, rowsRead, withQuery, withStatementLog } from '../lib/query-plans.mjs';
import { openBooks } from '../lib/reconciling.mjs';
import { PAID, assertRefused, until } from '../lib/trade.mjs';

const books = await openBooks();
const { trade, shop, anna } = books;
const SIDES = Object.values(books.sides);
const LEASE_S = 301;
const clean = (payments, refunds) => new RegExp(`: ${payments} payments of [0-9.]+, ${refunds} refunds of [0-9.]+; 0 differences, 0 repaired$`);

let days = 0;
// Days that no other test uses; the clock is at noon of the first.
async function newDays(n = 1) {
  const day = days + 1;
  days += n + 1;
  await books.at(day, '12:00');
  return day;
}

before(() => books.sides.alipay.command('/sandbox/refund-mode', { fund_change: 'N' }));

afterEach(async () => {
  for (const side of SIDES) {
    await side.noFaults();
    await side.plan({});
  }
  assert.equal(await books.staged(), 0, 'no line stays');
  for (const line of await trade.audit()) assert.doesNotMatch(line, /^WRONG/);
});

for (const side of SIDES) {
  const only = ['--provider', side.name];

  test(`${side.name}: nothing is found on a day without differences, with refunds, cards and what was never paid (B67)`, async () => {
    const day = await newDays();
    await side.paid();
    const part = await side.paid();
    await side.refunded(part, '3.00');
    await side.refunded(part, '2.50');
    await side.refunded(await side.paid());
    const pending = await side.refunded(await side.paid(), '1.00', { end: false });
    await side.prepared(); // never paid
    const late = await side.prepared(); // paid twice: refunded automatically
    await trade.payOffline(late.order);
    await side.pay(late);
    const offline = await side.prepared();
    await trade.payOffline(offline.order);
    const deleted = await side.prepared();
    assert.equal((await trade.remove(deleted.order)).status, 204);
    await side.refundInConsole(await side.paid(), { amount_fen: 100, notify: true });

    const { code, lines, stderr } = await books.reconcile(day, only);
    assert.deepEqual([code, stderr], [0, ''], lines.join('\n'));
    assert.equal(lines.length, 1);
    assert.match(lines[0], new RegExp(`^${side.name} ${books.date(day)}: 6 payments of 60\\.00, `));
    assert.match(lines[0], / 0 differences, 0 repaired$/);
    const [run] = await books.runs(day, side.name);
    assert.deepEqual([run.outcome, run.automatic, run.repairs, run.paid, run.findings], ['CLEAN', false, false, '60.00', 0]);
    await side.endRefund(pending, true);
    assert.deepEqual((await books.reconcile(day, only)).code, 0);
    assert.deepEqual((await books.reconcile(day + 1, only)).code, 0, 'nor on the day on which a refund of the day before ended');
  });

  test(`${side.name}: exactly the planted differences are found (B67)`, async () => {
    const day = await newDays();
    const x = {};
    for (const name of ['fine', 'notThere', 'amount', 'unpaidThere', 'refunds']) x[name] = await side.paid();
    for (const name of ['unheard', 'orphan']) x[name] = await side.paid({ notify: false });
    const part = () => side.refunded(x.refunds, '1.00');
    const r = { fine: await part(), notThere: await part(), amount: await part(), failed: await part() };
    r.open = await side.refunded(x.refunds, '1.00', { end: false });
    r.console = await side.refundInConsole(x.refunds, { amount_fen: 100 });
    await shop.sql(`INSERT INTO payment_events (channel, event_id, verdict, reason, out_trade_no, transaction_id, amount, body, received_at, judged_at)
      SELECT provider, 'test ${side.name}', 6, 'MCHID', out_trade_no, 'x', amount, '', 1, 1 FROM payment_attempts WHERE out_trade_no = '${x.orphan.outTradeNo}'`);
    await side.plan({
      missing: [x.notThere.outTradeNo, r.notThere],
      amount: { [x.amount.outTradeNo]: 1001, [r.amount]: 99 },
      state: side.name === 'wechat' ? { [r.failed]: 'CLOSED', [r.open]: 'SUCCESS' } : {},
      extra: [
        { kind: 'payment', out_trade_no: 'STRANGER1', fen: 500 },
        { kind: 'refund', out_trade_no: x.fine.outTradeNo, refund_no: 'STRANGER2', fen: 1 },
      ],
    });
    const expected = [
      ['PAYMENT_AMOUNT', x.amount.outTradeNo], ['PAYMENT_NOT_BILLED', x.notThere.outTradeNo], ['PAYMENT_ORPHAN', x.orphan.outTradeNo],
      ['PAYMENT_UNKNOWN', 'STRANGER1'], ['PAYMENT_UNSETTLED', x.unheard.outTradeNo],
      ['REFUND_AMOUNT', r.amount], ['REFUND_NOT_BILLED', r.notThere],
      ['REFUND_UNKNOWN', r.console], ['REFUND_UNKNOWN', 'STRANGER2'],
      ...(side.name === 'wechat' ? [['REFUND_FAILED_THERE', r.failed], ['REFUND_UNFINISHED', r.open]] : []),
    ].map((row) => [...row, false]).sort();

    const { code, lines } = await books.reconcile(day, only);
    assert.equal(code, 1);
    assert.deepEqual(await books.found(day, side.name), expected);
    assert.equal(lines.length, expected.length + 1);
    assert.match(lines.at(-1), new RegExp(`; ${expected.length} differences, 0 repaired$`));
    assert.ok(lines.includes(`${side.name} ${books.date(day)}: payment ${x.amount.outTradeNo}: paid with another amount (bill 10.01, books 10.00)`), lines.join('\n'));
    const again = await books.reconcile(day, only);
    assert.deepEqual([again.code, again.lines], [1, lines], 'and again');
    await shop.sql(`UPDATE payment_events SET resolved = 1, resolved_at = 1 WHERE event_id = 'test ${side.name}'`);
    await books.reconcile(day, only);
    assert.deepEqual(await books.found(day, side.name), expected.filter(([reason]) => reason !== 'PAYMENT_ORPHAN'), 'an orphan that was resolved is known');
    assert.equal(await trade.status(x.unheard.order), 0, 'nothing was changed');
    await side.plan({});
    await books.reconcile(day, [...only, '--repair']);
  });

  test(`${side.name}: a repair settles what was not heard of, once, and is no news the second time (B67)`, async () => {
    const day = await newDays();
    const unheard = await side.paid({ notify: false });
    const late = await side.prepared(); // paid at the last moment, and closed here
    await side.pay(late, { notify: false });
    await shop.sql(`UPDATE payment_attempts SET state = 1, open_payable_id = NULL WHERE out_trade_no = '${late.outTradeNo}';
      DELETE FROM outbox WHERE kind = 1 AND ref_id = (SELECT attempt_id FROM payment_attempts WHERE out_trade_no = '${late.outTradeNo}')`);
    const x = await side.paid();
    const open = await side.refunded(x, '2.00', { notify: false });
    const made = await side.refundInConsole(x, { amount_fen: 300 });
    assert.deepEqual([await side.refundStatus(open), await side.refundStatus(made)], ['PROCESSING', 404]);
    await side.plan({ extra: [{ kind: 'payment', out_trade_no: 'STRANGER3', fen: 500 }] });

    const { code, lines } = await books.reconcile(day, [...only, '--repair']);
    assert.equal(code, 1, 'the stranger is left');
    assert.match(lines.at(-1), /; 5 differences, 4 repaired$/);
    assert.deepEqual(await books.found(day, side.name), [
      ['PAYMENT_UNKNOWN', 'STRANGER3', false],
      ['PAYMENT_UNSETTLED', unheard.outTradeNo, true], ['PAYMENT_UNSETTLED', late.outTradeNo, true],
      ['REFUND_UNFINISHED', open, true], ['REFUND_UNKNOWN', made, true],
    ].sort());
    for (const one of [unheard, late]) assert.equal(await trade.status(one.order), PAID);
    assert.deepEqual([await side.refundStatus(open), await side.refundStatus(made)], ['SUCCESS', 'SUCCESS']);

    const money = () => shop.sql(`SELECT attempt_id, state, updated_at FROM payment_attempts ORDER BY 1; SELECT refund_no, state, updated_at FROM refunds ORDER BY 1;
      SELECT order_no, status, updated_at FROM orders ORDER BY 1; SELECT COUNT(*) FROM stock_moves`);
    const settled = await money();
    await side.plan({});
    const again = await books.reconcile(day, [...only, '--repair']);
    assert.equal(again.code, 0, again.lines.join('\n'));
    assert.match(again.lines.at(-1), /; 0 differences, 0 repaired$/);
    assert.deepEqual(await money(), settled);
    const next = await books.reconcile(day + 1, only);
    assert.deepEqual([next.code, next.lines.length], [0, 1], `what was learnt of a day later is in the bill of its own: ${next.lines}`);
  });

  test(`${side.name}: around midnight the other's clock decides, and no day finds what the other one lists (B67)`, async () => {
    const day = await newDays(2);
    await books.at(day, '23:58:40');
    const x = await side.paid();
    const y = await side.paid();
    await books.at(day, '23:40');
    const z = await side.paid();
    const refund = await side.refunded(z, '1.00', { end: false });
    await books.at(day + 1, '00:20');
    await side.endRefund(refund, true);
    // the provider counts one of them to the next day, and forgets the other
    await side.plan({ missing: [x.outTradeNo, y.outTradeNo], extra: [
      { kind: 'payment', out_trade_no: x.outTradeNo, transaction_id: await transactionOf(x), fen: 1000, at: books.rfc3339(day + 1, '00:00:05') },
    ] });
    const first = await books.reconcile(day, only);
    assert.deepEqual([first.code, first.lines.length], [0, 1], first.lines.join('\n'));
    const second = await books.reconcile(day + 1, only);
    assert.equal(second.code, 1);
    assert.deepEqual(await books.found(day + 1, side.name), [['PAYMENT_NOT_BILLED', y.outTradeNo, false]]);
    await side.plan({});
    assert.equal((await books.reconcile(day, only)).code, 0);
    assert.equal((await books.reconcile(day + 1, only)).code, 0, 'it was in the bill of the day before');
  });

  test(`${side.name}: what may be in a bill that was not compared is not missing (B67)`, async () => {
    const day = await newDays(2);
    await books.at(day, '23:59:10');
    const x = await side.paid();
    assert.equal((await books.reconcile(day + 1, only)).code, 0);
    assert.deepEqual(await books.found(day + 1, side.name), []);
    await side.plan({ missing: [x.outTradeNo] });
    assert.equal((await books.reconcile(day, only)).code, 0, 'it ended on the next day, perhaps');
    assert.equal((await books.reconcile(day + 1, only)).code, 1);
    assert.deepEqual(await books.found(day + 1, side.name), [['PAYMENT_NOT_BILLED', x.outTradeNo, false]]);
  });

  test(`${side.name}: without a bill nothing is compared, and the run says why (B67)`, async () => {
    const day = await newDays();
    await side.paid();
    const early = await books.reconcile(day, only, '09:00');
    assert.deepEqual([early.code, early.lines], [1, [`${side.name} ${books.date(day)}: the bill is not made yet`]]);
    assert.equal((await books.runs(day, side.name))[0].outcome, 'NOT_READY');
    await books.at(day + 1, '12:00');
    for (const fault of ['bill_truncated', 'bill_totals', ...(side.name === 'wechat' ? ['bill_hash'] : [])]) {
      await side.fault('bill', fault);
      const { code, lines } = await books.command(['--date', books.date(day), ...only]);
      assert.equal(code, 1);
      assert.deepEqual(lines, [`${side.name} ${books.date(day)}: there is no bill that can be compared (UNKNOWN)`], fault);
      const [run] = await books.runs(day, side.name);
      assert.deepEqual([run.outcome, run.error, run.payments, run.findings], ['FAILED', 'UNKNOWN', 0, 0]);
      await side.noFaults();
    }
    const { code, lines } = await books.reconcile(day, only);
    assert.equal(code, 0);
    assert.match(lines[0], clean(1, 0));
  });
}

async function transactionOf({ outTradeNo }) {
  const [row] = await shop.sql(`SELECT transaction_id FROM payment_attempts WHERE out_trade_no = '${outTradeNo}'`);
  return row.transaction_id;
}

const { wechat } = books.sides;
const ONLY = ['--provider', 'wechat'];

// ---- runs ----

test('one run of a provider at a time; a killed one is ended by the next, with what it left (B53, B67)', async () => {
  const day = await newDays();
  const x = await wechat.paid({ notify: false });
  await books.at(day + 1, '12:00');
  await trade.forgetRequests();
  await wechat.fault('bill', 'late', { delay_ms: 4500 });
  const ending = new AbortController();
  const running = books.command(['--date', books.date(day), ...ONLY, '--repair'], { signal: ending.signal });
  await trade.asked('query');
  const second = await books.command(['--date', books.date(day), ...ONLY]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /RECONCILING/);
  ending.abort();
  await running;
  await wechat.noFaults();
  const [run] = await books.runs(day, 'wechat');
  assert.deepEqual([run.outcome, run.ended_at], ['RUNNING', null]);
  await shop.sql(`INSERT INTO reconciliation_lines SELECT ${run.reconciliation_id}, n, 1, CONCAT('LEFT', n), '', '', 1, 1
    FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM ${['a', 'b', 'c', 'e'].map((alias) => `(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3
      UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) ${alias}`).join()}) numbers`);
  assert.match((await books.command(['--date', books.date(day), ...ONLY])).stderr, /RECONCILING/, 'it may still be at work');
  shop.clock(Math.ceil((books.ms(day + 1, '12:00') - Date.now()) / 1000) + LEASE_S);
  const third = await books.command(['--date', books.date(day), ...ONLY, '--repair']);
  assert.equal(third.code, 0, third.lines.join('\n') + third.stderr);
  assert.deepEqual(await books.found(day, 'wechat'), [['PAYMENT_UNSETTLED', x.outTradeNo, true]]);
  assert.equal(await trade.status(x.order), PAID);
  const [, killed] = await books.runs(day, 'wechat');
  assert.deepEqual([killed.outcome, killed.error], ['FAILED', 'KILLED']);
});

test('of a day that is too old there is no bill, whatever the provider says (B67)', async () => {
  const day = await newDays();
  const old = ['--date', books.date(day - 100), ...ONLY];
  const said = [];
  for (const fault of [null, 'bill_none']) {
    if (fault) await wechat.fault('bill', fault);
    const { code, lines } = await books.command(old);
    assert.equal(code, 1);
    said.push(...lines);
  }
  assert.deepEqual(said, ['REFUSED', 'TOO_OLD'].map((why) => `wechat ${books.date(day - 100)}: there is no bill that can be compared (${why})`));
});

test('a bill of many lines is compared in pieces (B67)', async () => {
  const day = await newDays();
  const extra = Array.from({ length: 1100 }, (_, i) => ({ kind: 'payment', out_trade_no: `M${i}`, fen: 1 + i }));
  const x = await wechat.paid();
  await wechat.plan({ extra });
  const { code, lines } = await books.reconcile(day, ONLY);
  assert.deepEqual([code, lines.length], [1, extra.length + 1]);
  assert.match(lines.at(-1), /: 1101 payments of /);
  const [run] = await books.runs(day, 'wechat');
  assert.equal(run.findings, extra.length);
  const pages = await pagesOf(shop, `/api/payment/reconciliations/${run.reconciliation_id}/findings?limit=500`, trade.admin);
  const seen = new Set();
  for (const finding of pages.flat()) {
    assert.deepEqual([finding.subject, finding.kind, finding.code, finding.booked, finding.repaired], ['PAYMENT', 'MISSING_HERE', 'PAYMENT_UNKNOWN', null, false]);
    assert.match(finding.reason, /^账单中有这笔支付/);
    seen.add(finding.number);
  }
  assert.equal(pages.length, 3);
  assert.equal(seen.size, extra.length);
  assert.ok(!seen.has(x.outTradeNo));
});

test('the same payment twice in a bill is another amount (B67)', async () => {
  const day = await newDays();
  const x = await wechat.paid();
  await wechat.plan({ extra: [{ kind: 'payment', out_trade_no: x.outTradeNo, transaction_id: await transactionOf(x), fen: 1000 }] });
  assert.equal((await books.reconcile(day, ONLY)).code, 1);
  assert.deepEqual(await books.found(day, 'wechat'), [['PAYMENT_AMOUNT', x.outTradeNo, false]]);
});

// ---- jobs ----

const jobs = () => shop.minimall(['jobs']);

test('jobs compare yesterday from 10:00 on, once, and mend what they can (B67)', async () => {
  const day = await newDays();
  const x = await wechat.paid();
  const refund = await wechat.refunded(x, '1.00', { notify: false });
  await shop.sql('UPDATE outbox SET due_at = 9000000000000'); // only the bill tells of it
  await books.at(day + 1, '09:59');
  assert.match((await jobs()).stdout, /, 0 bills compared/);
  await books.at(day + 1, '10:01');
  const passes = await Promise.all([jobs(), jobs()]);
  assert.deepEqual(passes.map(({ code }) => code), [0, 0], passes.map(({ stderr }) => stderr).join('\n'));
  assert.equal(passes.reduce((sum, { stdout }) => sum + Number(/, (\d+) bills compared/.exec(stdout)[1]), 0), SIDES.length);
  const [run, ...others] = await books.runs(day, 'wechat');
  assert.deepEqual([run.outcome, run.automatic, run.repairs, run.findings, run.repaired, others], ['REPAIRED', true, true, 1, 1, []]);
  assert.equal(await wechat.refundStatus(refund), 'SUCCESS');
  await books.at(day + 1, '23:00');
  assert.match((await jobs()).stdout, /, 0 bills compared/);
  await shop.sql('UPDATE outbox SET due_at = 1');
});

test('jobs of two hosts that find the same day due compare it once (B61, B67)', async () => {
  const day = await newDays();
  await books.at(day + 1, '10:01');
  const other = shop.session(); // another host's run, which ends while ours begins
  await other.run(`START TRANSACTION; INSERT INTO reconciliations (provider, starts_at, outcome, automatic, repairs, running, lease_at, created_at)
    VALUES ('wechat', ${books.ms(day, '00:00')}, 0, 1, 1, 'wechat', 9000000000000, 1)`);
  const working = jobs();
  await until('a run that waits', async () => (await shop.connections()).some(({ info }) => info.startsWith('INSERT INTO reconciliations ')));
  await other.run("UPDATE reconciliations SET outcome = 1, running = NULL, ended_at = 2 WHERE running = 'wechat'; COMMIT");
  await other.close();
  assert.equal((await working).code, 0);
  assert.deepEqual((await books.runs(day, 'wechat')).map(({ outcome }) => outcome), ['CLEAN']);
});

test('jobs report what is left, once (B67)', async () => {
  const day = await newDays();
  await wechat.paid();
  await wechat.plan({ extra: [{ kind: 'payment', out_trade_no: 'STRANGER4', fen: 500 }] });
  await books.at(day + 1, '10:01');
  const first = await jobs();
  assert.equal(first.code, 1);
  assert.match(first.stderr, /^minimall: reconciliation: .*\(UNRECONCILED\)$/m);
  assert.equal((await jobs()).code, 0);
  await books.at(day + 1, '16:00');
  assert.equal((await jobs()).code, 0);
  const alarms = shop.log().filter(({ message }) => message?.includes(books.date(day)) && message.includes('1 differences are left'));
  assert.equal(alarms.length, 1);
});

test('jobs try again when there is no bill yet, or none that can be trusted, and give up after days (B67)', async () => {
  const day = await newDays(3);
  await wechat.paid();
  const outcomes = async () => (await books.runs(day, 'wechat')).map(({ outcome }) => outcome).reverse();
  await books.at(day + 1, '10:01');
  await wechat.fault('bill', 'bill_making', { times: 1 });
  assert.equal((await jobs()).code, 0);
  assert.equal((await jobs()).code, 0, 'not at every pass');
  assert.deepEqual(await outcomes(), ['NOT_READY']);
  await wechat.fault('bill', 'bill_hash', { times: 9 });
  await books.at(day + 1, '10:12');
  assert.equal((await jobs()).code, 1);
  await books.at(day + 1, '10:20');
  assert.equal((await jobs()).code, 0);
  assert.deepEqual(await outcomes(), ['NOT_READY', 'FAILED']);
  await books.at(day + 2, '11:00'); // also the bill of the day after
  assert.equal((await jobs()).code, 1);
  assert.deepEqual(await outcomes(), ['NOT_READY', 'FAILED', 'FAILED']);
  await wechat.noFaults();
  await books.at(day + 3, '11:00');
  assert.equal((await jobs()).code, 0);
  assert.deepEqual(await outcomes(), ['NOT_READY', 'FAILED', 'FAILED', 'CLEAN']);
});

// ---- the command and the lists ----

test('a date that is none, not over yet, or another option is a usage error', async () => {
  const day = await newDays();
  for (const args of [[], ['--date'], ['--date', 'yesterday'], ['--date', '2026-02-30'], ['--date', books.date(day)], ['--date', books.date(day + 1)],
    ['--date', books.date(day - 1), '--provider', 'paypal'], ['--date', books.date(day - 1), '--fix'], ['--date', books.date(day - 1), 'x']]) {
    const { code, lines, stderr } = await books.command(args);
    assert.deepEqual([code, lines], [2, []], args.join(' '));
    assert.match(stderr, /usage: minimall reconcile --date YYYY-MM-DD/);
  }
  const { code, stderr } = await books.command(['--date', books.date(day - 1), '--provider', 'gateway']);
  assert.equal(code, 1);
  assert.match(stderr, /has no bills of gateway/);
});

test('runs are listed by provider, date and outcome, for administrators only (B4, B12, B13)', async () => {
  const day = await newDays();
  await wechat.paid({ notify: false });
  await books.reconcile(day);
  const all = await books.get('?limit=500');
  assert.deepEqual(all.map(({ reconciliation_id: id }) => id), all.map(({ reconciliation_id: id }) => id).sort((a, b) => b - a));
  const by = (filter) => all.filter(filter).map(({ reconciliation_id: id }) => id);
  const ids = async (query) => (await books.get(`?limit=500&${query}`)).map(({ reconciliation_id: id }) => id);
  assert.deepEqual(await ids('provider=wechat'), by(({ provider }) => provider === 'wechat'));
  assert.deepEqual(await ids('outcome=FINDINGS'), by(({ outcome }) => outcome === 'FINDINGS'));
  assert.deepEqual(await ids('outcome=FINDINGS&provider=wechat'), by(({ outcome, provider }) => outcome === 'FINDINGS' && provider === 'wechat'));
  assert.deepEqual(await ids(`date=${books.date(day)}`), by(({ date }) => date === books.date(day)));
  assert.deepEqual(await ids(`date=${books.date(day)}&outcome=CLEAN`), by(({ date, outcome }) => date === books.date(day) && outcome === 'CLEAN'));
  assert.deepEqual(await ids('provider=paypal'), []);
  assert.deepEqual(await ids(`provider=${encodeURIComponent('微信')}`), []);
  const [run] = await books.get(`?date=${books.date(day)}&provider=wechat`);
  assert.deepEqual(Object.keys(run), ['reconciliation_id', 'provider', 'date', 'outcome', 'error', 'automatic', 'repairs', 'payments', 'paid', 'refunds', 'refunded',
    'findings', 'repaired', 'created_at', 'ended_at']);
  assert.deepEqual(await books.get(`/${run.reconciliation_id}`), run);
  assert.deepEqual((await pagesOf(shop, '/api/payment/reconciliations?limit=2', trade.admin)).flat(), all);
  for (const query of ['?date=2026-02-30', '?date=today', '?outcome=clean', '?cursor=x']) {
    assertRefused(await shop.call('GET', `/api/payment/reconciliations${query}`, { token: trade.admin }), 400, 'INVALID_REQUEST');
  }
  for (const address of ['', `/${run.reconciliation_id}`, `/${run.reconciliation_id}/findings`]) {
    assertRefused(await shop.call('GET', `/api/payment/reconciliations${address}`, { token: anna.token }), 403, 'FORBIDDEN');
  }
  for (const address of ['/999999', '/999999/findings']) assertRefused(await shop.call('GET', `/api/payment/reconciliations${address}`, { token: trade.admin }), 404, 'NOT_FOUND');
});

test('each list reads its own index from the cursor on, page by page (B13)', async () => {
  const MANY = 600;
  const day = books.ms(-100, '00:00');
  await shop.sql(`INSERT INTO reconciliations (provider, starts_at, outcome, automatic, repairs, lease_at, error, created_at, ended_at)
      SELECT 'wechat', ${day}, 5, 0, 0, 1, 'UNKNOWN', seq, seq FROM ${sequence(MANY)};
    INSERT INTO reconciliations (provider, starts_at, outcome, automatic, repairs, lease_at, findings, created_at, ended_at)
      VALUES ('wechat', ${books.ms(-99, '00:00')}, 3, 0, 0, 1, ${MANY}, 1, 1);
    INSERT INTO reconciliation_findings (reconciliation_id, reason, number, out_trade_no, created_at)
      SELECT reconciliation_id, 1, CONCAT('MANY', seq), '', 1 FROM reconciliations JOIN ${sequence(MANY)} WHERE findings = ${MANY};
    ANALYZE TABLE reconciliations, reconciliation_findings`);
  const [{ reconciliation_id: full }] = await shop.sql(`SELECT reconciliation_id FROM reconciliations WHERE findings = ${MANY}`);
  await withStatementLog(shop, async (statementFor) => {
    let limit = 101;
    for (const [address, key, bytes, table] of [['', 'PRIMARY', EIGHT, 'reconciliations'], ['?outcome=FAILED&provider=wechat', 'by_outcome', 1 + EIGHT, 'reconciliations'],
      [`?date=${books.date(-100)}`, 'by_day', EIGHT + EIGHT, 'reconciliations'], [`/${full}/findings`, 'by_run', EIGHT + EIGHT, 'reconciliation_findings']]) {
      const first = await shop.call('GET', withQuery(`/api/payment/reconciliations${address}`, `limit=${limit}`), { token: trade.admin });
      assert.equal(first.body.length, limit);
      const statement = await statementFor(limit);
      await assertWalks(shop, statement, { table, key, bytes }, address);
      assert.ok(await rowsRead(shop, statement, table) <= limit + 1);
      const rows = [first.body, ...await pagesOf(shop, nextOf(first), trade.admin)].flat();
      assert.ok(rows.length >= MANY);
      assert.equal(new Set(rows.map((row) => row.finding_id ?? row.reconciliation_id)).size, rows.length);
      limit += 1;
    }
  });
});
