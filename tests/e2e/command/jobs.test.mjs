// SPDX-License-Identifier: MIT
// `minimall jobs`: unpaid orders, closed at the provider first, and open attempts (BEHAVIOUR 20).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  ATTEMPT, CANCELLED, DAY_S, MINUTE_S, PAID, PAY_S, PENDING, assertRefused, openTrade,
} from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const anna = await trade.buyer();
const product = await trade.product({ price: '5.00', stock: 100_000 });

const GAP_S = 5; // between the first two queries of an attempt

// Runs jobs some time after now; returns its calls to the provider.
async function jobsAt(seconds) {
  shop.clock(seconds);
  await trade.forgetRequests();
  const report = await shop.jobs();
  return { report, requests: await trade.requests() };
}

// When the only open attempt is queried next.
async function nextDue() {
  const [{ due_at: due }, ...others] = await shop.sql('SELECT due_at FROM outbox WHERE kind = 1');
  assert.deepEqual(others, []);
  return due;
}

async function scarce(lines = 3) {
  const own = await trade.product({ price: '5.00', stock: lines });
  return { own, order: await trade.order(anna, [[own, lines]]) };
}

// The simulator, like WeChat, keeps orders open for at least a minute: prepared in its last half minute, an order is still
// payable there after its deadline here.
async function preparedLate() {
  shop.clock(0);
  const x = await scarce();
  shop.clock(PAY_S - 30);
  return { ...x, ...await trade.prepay(anna, x.order) };
}

// The provider doesn't know this attempt.
async function preparedInVain() {
  const x = await scarce();
  await trade.fault('jsapi', 'status_202');
  assertRefused(await trade.tryPrepay(anna, x.order), 503, 'PROVIDER_UNKNOWN');
  const [{ out_trade_no: outTradeNo }] = await trade.attempts(x.order);
  assert.equal(await trade.atWechat(outTradeNo), null);
  return { ...x, outTradeNo };
}

async function assertWaiting({ own, order }) {
  assert.deepEqual([await trade.status(order), await trade.stock(own), await trade.moves(order)], [PENDING, 0, [-3]]);
}

async function assertGone({ own, order }) {
  assert.deepEqual([await trade.status(order), await trade.stock(own), await trade.moves(order)], [CANCELLED, 3, [-3, 3]]);
}

async function finishAll() {
  await trade.noFaults();
  shop.clock(PAY_S + 30 * MINUTE_S); // what a test left open is processed before the next
  await shop.jobs();
  shop.clock(0);
}

afterEach(finishAll);

test('an order without attempts is closed at its deadline, without a call, and its stock is returned (B20)', async () => {
  const x = await scarce();
  assert.deepEqual((await jobsAt(PAY_S - 20)).requests, []);
  await assertWaiting(x);
  const { requests, report } = await jobsAt(PAY_S + 5);
  assert.deepEqual(requests, []);
  assert.match(report, /^jobs: 1 orders timed out, 0 payments followed/);
  await assertGone(x);
  assert.match((await jobsAt(PAY_S + 10)).report, /^jobs: 0 orders/);
});

test('an order whose attempt expired at the provider is closed after one query (B20)', async () => {
  const x = await scarce();
  await trade.prepay(anna, x.order);
  assert.deepEqual((await jobsAt(PAY_S + 5)).requests, ['query']);
  await assertGone(x);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed]);
});

test("the provider's order is closed before the stock is returned: query, close, then 4 (B20)", async () => {
  const x = await preparedLate();
  shop.clock(PAY_S + 5);
  await trade.forgetRequests();
  await trade.delayed('close');
  const working = shop.jobs();
  await trade.asked('close'); // while it is being closed
  await assertWaiting(x);
  assertRefused(await trade.tryPrepay(anna, x.order), 409, 'ORDER_EXPIRED');
  await trade.noFaults();
  await working;
  assert.deepEqual(await trade.requests(), ['query', 'close']);
  assert.equal((await trade.atWechat(x.outTradeNo)).trade_state, 'CLOSED');
  await assertGone(x);
});

test('if the provider says paid, it is paid, at the query or at the close (B20)', async () => {
  const x = await scarce();
  const { outTradeNo } = await trade.prepay(anna, x.order);
  await shop.pay(outTradeNo, { notify: false });
  assert.deepEqual((await jobsAt(PAY_S + 5)).requests, ['query']);
  assert.deepEqual([await trade.status(x.order), await trade.states(x.order)], [PAID, [ATTEMPT.granted]]);
  shop.clock(0);
  const y = await preparedLate();
  shop.clock(PAY_S + 5);
  await trade.forgetRequests();
  await trade.delayed('query');
  const working = shop.jobs();
  await trade.asked('query');
  await shop.pay(y.outTradeNo, { notify: false });
  await trade.noFaults();
  await working;
  assert.deepEqual(await trade.requests(), ['query', 'close', 'query']);
  assert.deepEqual([await trade.status(y.order), await trade.states(y.order)], [PAID, [ATTEMPT.granted]]);
  assert.equal(await trade.stock(y.own), 0);
});

for (const [on, fault, asked] of [
  ['query', 'status_500', ['query']], ['query', 'bad_signature', ['query']], ['query', 'drop_after', ['query']],
  ['query', 'wrong_out_trade_no', ['query']], ['query', 'hang', ['query']],
  ['close', 'status_500', ['query', 'close']], ['close', 'signtest', ['query', 'close']], ['close', 'no_signature', ['query', 'close']],
  ['close', 'drop_after', ['query', 'close']], ['close', 'status_429', ['query', 'close']],
]) {
  test(`a ${on} that ends in ${fault}: the order stays 0 and keeps its stock, and is tried again (B20)`, async () => {
    const x = await preparedLate();
    await trade.fault(on, fault);
    const from = Date.now();
    assert.deepEqual((await jobsAt(PAY_S + 5)).requests, asked);
    const again = await nextDue() - (PAY_S + 5 + GAP_S) * 1000;
    assert.ok(again >= from && again <= Date.now(), 'not at once');
    await assertWaiting(x);
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
    const { requests } = await jobsAt(PAY_S + 5 + MINUTE_S + 1);
    assert.equal(requests[0], 'query');
    await assertGone(x);
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed]);
  });
}

test('an order that the provider does not know counts as closed 5 minutes after its time_expire (B20)', async () => {
  const x = await preparedInVain();
  for (const seconds of [PAY_S + 5, PAY_S + 70, PAY_S + 140, PAY_S + 210]) {
    assert.deepEqual((await jobsAt(seconds)).requests, ['query', 'close'], `${seconds}: 404 twice`);
    await assertWaiting(x);
  }
  assert.deepEqual((await jobsAt(PAY_S + 6 * MINUTE_S)).requests, ['query']);
  await assertGone(x);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed]);
});

test('an unknown order past its grace does not close while the provider cannot be reached (B20)', async () => {
  const x = await preparedInVain();
  await trade.fault('query', 'status_500');
  assert.deepEqual((await jobsAt(PAY_S + 10 * MINUTE_S)).requests, ['query']);
  await assertWaiting(x);
  await jobsAt(PAY_S + 12 * MINUTE_S);
  await assertGone(x);
});

test("a cancel by a user takes effect at once, even while jobs call the provider; the provider is notified afterwards (B18, B20)", async () => {
  const x = await preparedLate();
  shop.clock(PAY_S + 5);
  await trade.forgetRequests();
  await trade.delayed('query');
  const working = shop.jobs();
  await trade.asked('query');
  assert.equal((await trade.cancel(anna, x.order)).body.status, CANCELLED);
  await assertGone(x);
  await trade.noFaults();
  await working;
  await shop.jobs();
  assert.equal((await trade.atWechat(x.outTradeNo)).trade_state, 'CLOSED');
  await assertGone(x);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed]);
});

test('the close after a cancel is retried until the provider works again (B18)', async () => {
  const x = await scarce();
  const { outTradeNo } = await trade.prepay(anna, x.order);
  await trade.cancel(anna, x.order);
  await trade.fault('close', 'status_500');
  assert.deepEqual((await jobsAt(0)).requests, ['query', 'close']);
  assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'NOTPAY');
  assert.deepEqual((await jobsAt(MINUTE_S)).requests, ['query', 'close']);
  assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'CLOSED');
  await assertGone(x);
});

test('an open attempt is queried with growing gaps, and again at its deadline (B44)', async () => {
  const x = await scarce();
  let from = Date.now();
  await trade.prepay(anna, x.order);
  let to = Date.now();
  for (const gap of [60, 5, 5, 15, 30, 60, 180, 300, 600]) {
    const due = await nextDue();
    assert.ok(due >= from + gap * 1000 && due <= to + gap * 1000, `${gap} s after it was asked: ${due}, ${from} to ${to}`);
    assert.deepEqual((await jobsAt(Math.floor((due - Date.now()) / 1000) - MINUTE_S)).requests, [], `${gap} s: not before`);
    const offset = Math.ceil((due - Date.now()) / 1000);
    from = Date.now() + offset * 1000;
    assert.deepEqual((await jobsAt(offset)).requests, ['query'], `${gap} s: now`);
    to = Date.now() + offset * 1000;
  }
  assert.deepEqual((await jobsAt(PAY_S - 5 * MINUTE_S)).requests, []);
  assert.deepEqual((await jobsAt(PAY_S + 3)).requests, ['query'], 'not half an hour later');
  await assertGone(x);
});

test('three concurrent passes do everything once (B17)', async () => {
  const bare = await Promise.all(Array.from({ length: 5 }, () => scarce()));
  const asked = [];
  for (let i = 0; i < 5; i++) asked.push(await preparedLate());
  shop.clock(PAY_S + 5);
  await trade.forgetRequests();
  const reports = await Promise.all([shop.jobs(), shop.jobs(), shop.jobs()]);
  const timedOut = reports.reduce((sum, line) => sum + Number(/^jobs: (\d+)/.exec(line)[1]), 0);
  assert.equal(timedOut, 10);
  for (const x of [...bare, ...asked]) await assertGone(x);
  const requests = await trade.requests();
  assert.deepEqual([requests.filter((r) => r === 'query').length, requests.filter((r) => r === 'close').length], [5, 5]);
});

test('thirty payments without an answer from the provider block no other payment, refund or order (B20, B43)', async () => {
  const paid = await trade.orderIn(anna, [[await trade.product(), 1]], PAID);
  const refund = { order_id: paid.order_id, reason: '退货', amount: '1.00' };
  assert.equal((await shop.call('POST', '/api/payment/refunds', { token: trade.admin, body: refund })).status, 201);
  const bare = await scarce();
  const [silent, healthy] = [[], []];
  while (silent.length < 30) silent.push(await preparedLate());
  while (healthy.length < 6) healthy.push(await preparedLate());
  await trade.fault('query', 'hang'); // first calls that time out, then calls that fail at once
  await trade.fault('query', 'status_500', { times: silent.length - 1 });
  const { report, requests } = await jobsAt(PAY_S + 5);
  assert.match(report, /36 payments followed .*, 1 refunds followed/);
  assert.equal(requests.filter((name) => name === 'query').length, 37, 'each is asked about, and the refund');
  for (const x of silent) await assertWaiting(x);
  await assertGone(bare);
  // A row after so many without an answer has a second, which a busy machine may need more than, and the rows after one with an
  // answer have time again.
  const gone = [];
  for (const { order } of healthy) gone.push(await trade.status(order) === CANCELLED);
  const answered = gone.slice(gone.indexOf(true));
  assert.ok(gone.includes(true) && answered.every(Boolean), `${gone}`);
  // each is due again separately, with growing gaps
  const due = await shop.sql('SELECT DISTINCT tries FROM outbox WHERE kind = 1');
  assert.deepEqual(due.map(({ tries }) => tries), [1]);
  await jobsAt(PAY_S + 12 * MINUTE_S);
  for (const x of [...silent, ...healthy]) await assertGone(x);
});

test('while the provider doesn\'t answer the gaps grow to ten minutes, and after its next answer they are short again (B20)', async () => {
  await preparedInVain();
  const gapAfter = async (tries, fault) => {
    await shop.sql(`UPDATE outbox SET tries = ${tries - 1}, due_at = 1`);
    if (fault) await trade.fault('query', fault);
    const from = Date.now();
    await jobsAt(PAY_S + MINUTE_S);
    const gap = await nextDue() - (PAY_S + MINUTE_S) * 1000;
    assert.ok(gap > from && gap <= Date.now() + 10 * MINUTE_S * 1000);
    return Math.round((gap - Date.now()) / 1000 / MINUTE_S) + 0; // in minutes: a slow machine is not off by half of one; and no -0
  };
  assert.deepEqual([await gapAfter(1, 'status_500'), await gapAfter(7, 'status_500'), await gapAfter(30, 'status_500')], [0, 5, 10]);
  assert.equal(await gapAfter(30), 1);
});

test('the work of a pass killed while calling the provider is continued by another after the lease (B53)', async () => {
  const x = await preparedLate();
  shop.clock(PAY_S + 5);
  await trade.forgetRequests();
  await trade.fault('query', 'hang');
  const abort = new AbortController();
  const killed = shop.minimall(['jobs'], { signal: abort.signal });
  await trade.asked('query');
  abort.abort();
  await killed;
  assert.deepEqual((await jobsAt(PAY_S + 6)).requests, [], 'it may be alive still');
  await assertWaiting(x);
  await jobsAt(PAY_S + 4 * MINUTE_S);
  await assertGone(x);
});

// ---- failures ----

// Meanwhile the status of some rows of a table can't be changed; when: the condition.
async function unwritable(table, status, when, work) {
  await shop.sql(`CREATE TRIGGER unwritable BEFORE UPDATE ON ${table} FOR EACH ROW
    SET NEW.status = IF(NEW.status = ${status} AND (${when}), NULL, NEW.status)`);
  try {
    await work();
  } finally {
    await shop.sql('DROP TRIGGER unwritable');
  }
}

async function troubled(seconds) {
  shop.clock(seconds);
  const { code, stdout, stderr } = await shop.minimall(['jobs']);
  assert.equal(code, 1, stdout + stderr);
  return stdout + stderr;
}

const putOff = (kind) => shop.sql(`SELECT tries, due_at FROM outbox WHERE kind = ${kind} ORDER BY ref_id`);

test('an order that can\'t be timed out is postponed with growing gaps, and everything else is done; the pass reports it (B20)', async () => {
  const bad = await scarce(); // overdue for longest
  const asked = await preparedLate();
  shop.clock(0);
  const bare = await scarce();
  await unwritable('orders', CANCELLED, `NEW.order_no = '${bad.order.order_id}'`, async () => {
    const said = await troubled(PAY_S + 5);
    assert.match(said, /^jobs: 2 orders timed out, 1 payments followed .*; 1 of \d+ kinds of work in trouble\n/);
    assert.match(said, /\nminimall: orders: 1 failed, .* \(DATABASE_ERROR\)\n/);
    for (const x of [bare, asked]) await assertGone(x);
    await assertWaiting(bad);
    await trade.audit();
    assert.match((await jobsAt(PAY_S + 10)).report, /^jobs: 0 orders timed out/, 'not at each pass');
    for (const tries of [2, 3]) {
      await troubled(PAY_S + tries * 3 * MINUTE_S);
      const [{ tries: counted, due_at: due }] = await putOff(4);
      assert.equal(counted, tries);
      const gap = due - Date.now() - (PAY_S + tries * 3 * MINUTE_S) * 1000;
      assert.ok(gap <= 2 ** (tries - 1) * MINUTE_S * 1000 && gap > 2 ** (tries - 2) * MINUTE_S * 1000, `${gap} ms after ${tries} tries`);
    }
  });
  await jobsAt(PAY_S + 20 * MINUTE_S);
  await assertGone(bad);
  await jobsAt(PAY_S + 3 * DAY_S);
  assert.deepEqual(await putOff(4), [], 'forgotten');
});

test('an order whose products are locked for long doesn\'t use up the time of the next ones (B20)', async () => {
  const held = await scarce(); // overdue for longest
  const free = await scarce();
  await shop.holding([`SELECT stock FROM products WHERE product_id = ${held.own} FOR UPDATE`], async () => {
    assert.match(await troubled(PAY_S + 5), /^jobs: 1 orders timed out[^]*\nminimall: orders: 1 failed, .* \(BUSY\)\n/);
  });
  await assertWaiting(held);
  await assertGone(free);
  await jobsAt(PAY_S + 5 + MINUTE_S + 1);
  await assertGone(held);
});

test('a membership order that can\'t expire is postponed, and the others expire', async () => {
  const plan = { name: '月卡', price: '30.00', duration_days: 30, level: 1 };
  const { data: { id } } = await shop.ok('POST', '/api/membership/plans/', { token: trade.admin, body: plan });
  const numbers = [];
  for (const { token } of await trade.buyers(2)) {
    numbers.push((await shop.ok('POST', '/api/membership/orders/create/', { token, body: { plan_id: id } })).data.order_no);
  }
  const statuses = async () => (await shop.sql('SELECT status FROM membership_orders ORDER BY id')).map(({ status }) => status);
  await unwritable('membership_orders', 3, `NEW.order_no = '${numbers[0]}'`, async () => {
    assert.match(await troubled(PAY_S + 5), /^jobs: 1 orders timed out[^]*\nminimall: membership orders: 1 failed/);
    assert.deepEqual(await statuses(), [0, 3]);
    assert.match((await jobsAt(PAY_S + 10)).report, /^jobs: 0 orders timed out/);
  });
  await jobsAt(PAY_S + 3 * MINUTE_S);
  assert.deepEqual(await statuses(), [3, 3]);
});

test('a payment that can\'t be followed is postponed, and the next ones are followed (B20)', async () => {
  const bad = await preparedLate();
  const good = await preparedLate();
  const [{ attempt_id: id }] = await trade.attempts(bad.order);
  await shop.sql(`CREATE TRIGGER unwritable BEFORE UPDATE ON payment_attempts FOR EACH ROW
    SET NEW.state = IF(NEW.attempt_id = ${id}, NULL, NEW.state)`);
  try {
    assert.match(await troubled(PAY_S + 5), /2 payments followed[^]*\nminimall: payments: 1 failed/);
    await assertWaiting(bad);
    await assertGone(good);
    assert.match((await jobsAt(PAY_S + 10)).report, /0 payments followed/);
  } finally {
    await shop.sql('DROP TRIGGER unwritable');
  }
  await jobsAt(PAY_S + 5 * MINUTE_S);
  await assertGone(bad);
});

// The result of a pass for overdue orders: [timed out, failed].
async function overdue(seconds) {
  shop.clock(seconds);
  const { stdout, stderr } = await shop.minimall(['jobs']);
  const [, done] = /^jobs: (\d+) orders timed out/.exec(stdout);
  const counts = [done, /^minimall: orders: (\d+) failed/m.exec(stderr)?.[1] ?? 0].map(Number);
  assert.ok(counts[0] + counts[1] <= 500, `${counts}`);
  return counts;
}

// The same for as many passes as needed for so many orders: each has 20 s, too short for 500 on a slow machine.
async function overdueInAll(seconds, orders, [done, failed] = [0, 0]) {
  if (done + failed >= orders) return [done, failed];
  const more = await overdue(seconds);
  assert.notDeepEqual(more, [0, 0], `${done} done and ${failed} failed of ${orders}`);
  return overdueInAll(seconds, orders, [done + more[0], failed + more[1]]);
}

test('more overdue orders than a pass handles are done by the next ones, longest overdue first, even if the first 499 fail', async () => {
  const orders = [];
  while (orders.length < 520) { // some at a time, so that no request exceeds the web server's timeout
    orders.push(...await Promise.all(Array.from({ length: 40 }, () => trade.order(anna, [[product, 1]]))));
  }
  const last = orders.at(-1); // and the longest overdue
  const minutes = 60 * 1000;
  await shop.sql(`UPDATE orders SET expires_at = expires_at - ${10 * minutes} WHERE order_no = '${last.order_id}'`);
  const [{ at }] = await shop.sql('SELECT expires_at AS at FROM orders WHERE status = 0 ORDER BY expires_at, id LIMIT 1 OFFSET 499');
  await shop.sql(`UPDATE orders SET expires_at = expires_at - ${minutes} WHERE status = 0 AND expires_at <= ${at} AND order_no <> '${last.order_id}' ORDER BY expires_at, id LIMIT 499`);
  await unwritable('orders', CANCELLED, `NEW.expires_at < ${at - minutes / 2} AND NEW.expires_at > ${at - 5 * minutes}`, async () => {
    const first = await overdue(PAY_S + 60);
    assert.equal(await trade.status(last), CANCELLED);
    assert.deepEqual(await overdueInAll(PAY_S + 60, 520, first), [21, 499]);
  });
  assert.deepEqual(await overdueInAll(PAY_S + 5 * MINUTE_S, 499), [499, 0]);
  assert.equal(await trade.stock(product), 100_000);
});

test('paid, completed and deleted orders are never timed out (B20)', async () => {
  const orders = [];
  for (const status of [1, 2, 3]) orders.push(await trade.orderIn(anna, [[product, 1]], status, 'offline'));
  const gone = await trade.order(anna, [[product, 1]]);
  await trade.remove(gone);
  assert.match((await jobsAt(PAY_S + 60)).report, /^jobs: 0 orders timed out/);
  assert.deepEqual(await Promise.all(orders.map((order) => trade.status(order))), [1, 2, 3]);
  assert.deepEqual(await trade.moves(gone), [-1, 1]);
});
