// `minimall jobs`: orders that nobody pays, the provider first, and attempts that must be followed (BEHAVIOUR 20).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  ATTEMPT, CANCELLED, MINUTE_S, PAID, PAY_S, PENDING, assertRefused, openTrade,
} from './trading.mjs';

const trade = await openTrade();
const { shop } = trade;
const anna = await trade.buyer();
const product = await trade.product({ price: '5.00', stock: 100_000 });

const GAP_S = 5; // between the first two times that an attempt is asked about

// Jobs at a moment after now; what it asked of the provider.
async function jobsAt(seconds) {
  shop.clock(seconds);
  await trade.forgetRequests();
  const report = await shop.jobs();
  return { report, requests: await trade.requests() };
}

// When the only open attempt is asked about next.
async function nextDue() {
  const [{ due_at: due }, ...others] = await shop.sql('SELECT due_at FROM outbox WHERE kind = 1');
  assert.deepEqual(others, []);
  return due;
}

async function scarce(lines = 3) {
  const own = await trade.product({ price: '5.00', stock: lines });
  return { own, order: await trade.order(anna, [[own, lines]]) };
}

// The stand-in, like WeChat, lets no order live less than a minute: prepared in its last half minute, an order is still
// payable there when its time is over here.
async function preparedLate() {
  shop.clock(0);
  const x = await scarce();
  shop.clock(PAY_S - 30);
  return { ...x, ...await trade.prepay(anna, x.order) };
}

// The provider never heard of this attempt.
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

afterEach(async () => {
  await trade.noFaults();
  shop.clock(PAY_S + 30 * MINUTE_S); // whatever a test left open is done before the next
  await shop.jobs();
  shop.clock(0);
});

test('an order without attempts closes at its deadline, without a call, and its stock is back (B20)', async () => {
  const x = await scarce();
  assert.deepEqual((await jobsAt(PAY_S - 20)).requests, []);
  await assertWaiting(x);
  const { requests, report } = await jobsAt(PAY_S + 5);
  assert.deepEqual(requests, []);
  assert.match(report, /^jobs: 1 orders timed out, 0 payments followed/);
  await assertGone(x);
  assert.match((await jobsAt(PAY_S + 10)).report, /^jobs: 0 orders/);
});

test('an order whose attempt ran out at the provider closes after one query (B20)', async () => {
  const x = await scarce();
  await trade.prepay(anna, x.order);
  assert.deepEqual((await jobsAt(PAY_S + 5)).requests, ['query']);
  await assertGone(x);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed]);
});

test("the provider's order is closed before the stock goes back: query, close, then 4 (B20)", async () => {
  const x = await preparedLate();
  shop.clock(PAY_S + 5);
  await trade.forgetRequests();
  await trade.delayed('close');
  const working = shop.jobs();
  await trade.asked('close'); // it is being closed just now
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
  test(`a ${on} that ends in ${fault}: the order stays 0 with its stock, and is asked about again (B20)`, async () => {
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

test("a person's cancel is at once, though jobs is asking the provider; it is told afterwards (B18, B20)", async () => {
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

test('the close after a cancel waits for a provider that fails, and is made then (B18)', async () => {
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

test('an open attempt is asked about with growing gaps, and once more at its deadline (B44)', async () => {
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

test('three passes at once do each thing once (B17)', async () => {
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

test('a pass stops asking a provider that does not answer, and the next goes on', async () => {
  const all = [];
  const bare = await scarce();
  for (let i = 0; i < 6; i++) all.push(await preparedLate());
  await trade.fault('query', 'status_500', { times: 6 });
  const { requests } = await jobsAt(PAY_S + 5);
  assert.deepEqual(requests, ['query', 'query', 'query']);
  for (const x of all) await assertWaiting(x);
  await assertGone(bare); // what needs no provider is done all the same
  await trade.noFaults();
  // those that were asked about are due again 5 s later, which may be over by now
  await shop.sql(`UPDATE outbox SET due_at = due_at + ${10 * MINUTE_S * 1000} WHERE kind = 1 AND tries > 0`);
  const next = await jobsAt(PAY_S + 7);
  assert.equal(next.requests.filter((r) => r === 'query').length, 3, 'the three that were not asked about');
  await jobsAt(PAY_S + 12 * MINUTE_S);
  for (const x of all) await assertGone(x);
});

test('a pass that was killed while it waited for the provider is taken up by another after its lease (B53)', async () => {
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

test('more overdue orders than a pass takes are done by the next ones, the longest overdue first', async () => {
  const orders = [];
  while (orders.length < 520) { // some at a time, so that none waits for longer than a web server does
    orders.push(...await Promise.all(Array.from({ length: 40 }, () => trade.order(anna, [[product, 1]]))));
  }
  const last = orders.at(-1); // and first by its time
  await shop.sql(`UPDATE orders SET expires_at = expires_at - ${10 * MINUTE_S * 1000} WHERE order_id = '${last.order_id}'`);
  assert.match((await jobsAt(PAY_S + 60)).report, /^jobs: 500 orders timed out/);
  assert.equal(await trade.status(last), CANCELLED);
  assert.match((await jobsAt(PAY_S + 60)).report, /^jobs: 20 orders timed out/);
  assert.equal(await trade.stock(product), 100_000);
});

test('what is paid, completed or deleted is never timed out (B20)', async () => {
  const orders = [];
  for (const status of [1, 2, 3]) orders.push(await trade.orderIn(anna, [[product, 1]], status, 'offline'));
  const gone = await trade.order(anna, [[product, 1]]);
  await trade.remove(gone);
  assert.match((await jobsAt(PAY_S + 60)).report, /^jobs: 0 orders timed out/);
  assert.deepEqual(await Promise.all(orders.map((order) => trade.status(order))), [1, 2, 3]);
  assert.deepEqual(await trade.moves(gone), [-1, 1]);
});
