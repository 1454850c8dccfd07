// SPDX-License-Identifier: MIT
// Money that needs a person: attempts, messages that match nothing, and refunds that wait (BEHAVIOUR 13, 34, 37, 43, 62).
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { sequence } from '../../../sandbox/database/sql.mjs';
import { checkout } from '../../../sandbox/files.mjs';
import { filesBelow } from '../../lint/texts.mjs';
import { EIGHT, assertWalks, nextOf, pagesOf, rowsRead, withQuery, withStatementLog } from '../lib/query-plans.mjs';
import { openRefunds } from '../lib/refunds.mjs';
import { command, send } from '../lib/simulators.mjs';
import { DATE, DAY_S, PAID, PENDING, REFUNDED, TRADE, assertRefused } from '../lib/trade.mjs';

const ATTEMPTS = '/api/payment/attempts';
const ORPHANS = '/api/payment/orphans';
const REFUNDS = '/api/payment/refunds';
const MANY = 700;

const refunds = await openRefunds({ families: [...TRADE, 'cards', 'memberships'], alipay: true, gateway: true, env: { PAYMENT_CREATE_PER_HOUR: '0' } });
const { trade, shop, anna } = refunds;
const gateway = shop.shop.simulators.gateway.url;
const tea = await trade.product({ price: '10.00', stock: 100_000 });

const list = (address, query = '', token = trade.admin) => shop.call('GET', `${address}${query}`, { token });
async function rows(address, query) {
  const { status, body } = await list(address, query);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}
const numbers = async (query) => (await rows(ATTEMPTS, query)).map(({ out_trade_no: no }) => no);
const attemptOf = async (no) => (await rows(ATTEMPTS, `?out_trade_no=${no}`))[0];
const newOrder = () => trade.order(anna, [[tea, 1]]);
const resolve = (id, body, token = trade.admin) => shop.call('POST', `${ORPHANS}/${id}/resolve`, { token, body });
const day = (ms = Date.now()) => new Date(ms + 8 * 3_600_000).toISOString().slice(0, 10); // in the shop's zone

// Prepared at the hosted gateway, whose page was opened.
async function atGateway() {
  const order = await newOrder();
  const { body } = await shop.call('POST', '/v1/payment/create', { token: anna.token, body: { order_id: order.order_id, amount: 10 } });
  await send('GET', body.payment_url);
  return { order, id: body.transaction_id };
}
const payAtGateway = (id) => command(gateway, 'POST', `/pay/${id}`, {});

// Paid at the gateway for an order that was paid otherwise: the shop can't give it back by itself.
async function owedByHand() {
  const x = await atGateway();
  await trade.payOffline(x.order);
  assert.equal((await payAtGateway(x.id)).body.status, 200);
  const [refund] = await rows(REFUNDS, `?order_id=${x.order.order_id}`);
  return { ...x, refund };
}

// A signed notification of the gateway about no payment of ours, or of another amount.
function strange(id, more = {}) {
  const raw = JSON.stringify({ transaction_id: id, status: 'success', amount: 9.99, currency: 'CNY', timestamp: new Date().toISOString(), ...more, id: undefined });
  return shop.call('POST', '/v1/payment/notify', { raw, headers: { 'x-signature': createHmac('sha256', shop.env.GATEWAY_SECRET).update(raw).digest('hex') } });
}
let unknown = 0;
async function orphan(more) {
  unknown += 1;
  const id = more?.id ?? `TXN${String(unknown).padStart(24, '0')}`;
  assert.equal((await strange(id, more)).status, 400);
  const [row] = await rows(ORPHANS, '?limit=1');
  assert.equal(row.out_trade_no, id);
  return row;
}

afterEach(async () => {
  shop.clock(0);
  await trade.noFaults();
});

// ---- attempts ----

test('an attempt has its payable, provider, amounts, state and reason, in words', async () => {
  const open = await refunds.prepared();
  assert.deepEqual(Object.keys(await attemptOf(open.outTradeNo)), ['order_id', 'user_id', 'provider', 'trade_type', 'out_trade_no', 'transaction_id', 'amount', 'refunded_amount',
    'refunding_amount', 'status', 'status_text', 'reason', 'reason_text', 'attention', 'attention_text', 'expires_at', 'paid_at', 'held_at', 'created_at']);
  const { expires_at: expires, created_at: created, ...rest } = await attemptOf(open.outTradeNo);
  assert.match(expires, DATE);
  assert.match(created, DATE);
  assert.deepEqual(rest, {
    order_id: open.order.order_id, user_id: anna.user.user_id, provider: 'wechat', trade_type: 'JSAPI', out_trade_no: open.outTradeNo, transaction_id: null, amount: '10.00',
    refunded_amount: '0.00', refunding_amount: '0.00', status: 'OPEN', status_text: '待支付', reason: null, reason_text: null, attention: false, attention_text: null, paid_at: null,
    held_at: null,
  });

  const paid = await refunds.paid();
  await refunds.mode('SUCCESS');
  await refunds.refund(paid, { amount: '3.00' });
  await refunds.mode('PROCESSING');
  await refunds.refund(paid, { amount: '2.00' });
  const granted = await attemptOf(paid.outTradeNo);
  assert.deepEqual([granted.status, granted.status_text, granted.refunded_amount, granted.refunding_amount, granted.attention], ['GRANTED', '已入账', '3.00', '2.00', false]);
  assert.match(granted.paid_at, DATE);
  assert.equal(granted.transaction_id, (await trade.read(paid.order)).payment_id);

  const card = (await trade.ok('POST', '/api/membership/cards', { token: trade.admin, body: { user_id: anna.user.user_id } })).card_id;
  await trade.ok('POST', '/api/membership/transactions', { token: trade.admin, body: { card_id: card, type: 1, amount: '50.00' } });
  const byCard = await newOrder();
  await trade.ok('POST', '/api/payment/card', { token: anna.token, body: { order_id: byCard.order_id } });
  const [spent] = await rows(ATTEMPTS, `?order_id=${byCard.order_id}`);
  assert.deepEqual([spent.provider, spent.trade_type, spent.status], ['card', null, 'GRANTED']);

  const plan = await trade.ok('POST', '/api/membership/plans/', { token: trade.admin, body: { name: '月度', price: '30.00', duration_days: 30, level: 1 } });
  const { data: { order_no: no } } = await trade.ok('POST', '/api/membership/orders/create/', { token: anna.token, body: { plan_id: plan.data.id } });
  const membership = await trade.prepay(anna, { order_id: no });
  assert.deepEqual(await numbers(`?order_id=${no}`), [membership.outTradeNo]);
});

test('what was paid in vain is a refund due, with the reason in words (B37)', async () => {
  const vain = await refunds.prepared();
  await trade.payOffline(vain.order);
  await trade.payNotified(vain.outTradeNo);
  const { status, status_text: text, reason, reason_text: words, refunding_amount: back, attention } = await attemptOf(vain.outTradeNo);
  assert.deepEqual([status, text, reason, words, back, attention], ['REFUND_DUE', '待退款', 'ALREADY_PAID', '订单已用其他方式支付', '10.00', false]);
  assert.ok((await numbers('?status=REFUND_DUE')).includes(vain.outTradeNo));
});

test('a held payment, one with a message that matches nothing and one refunded by hand need a person (B34, B37, B62)', async () => {
  const before = await numbers('?attention=true');
  const held = await refunds.prepared();
  await shop.pay(held.outTradeNo, { notify: false });
  await trade.refundInConsole(held.outTradeNo, { amount_fen: 400, notify: false });
  await trade.paymentStatus(anna, held.order);
  const orphaned = await refunds.prepared();
  await shop.pay(orphaned.outTradeNo, { tamper: 'amount' });
  const byHand = await owedByHand();
  const fine = await refunds.paid();
  assert.deepEqual((await numbers('?attention=true')).filter((no) => !before.includes(no)), [byHand.id, orphaned.outTradeNo, held.outTradeNo]);
  const words = async (no) => (({ attention, attention_text: text }) => [attention, text])(await attemptOf(no));
  assert.deepEqual(await words(held.outTradeNo), [true, '支付平台报告已退过款，金额未知，暂不入账：请核对商户后台']);
  assert.deepEqual(await words(orphaned.outTradeNo), [true, '有 1 条与本店记录不符的支付通知未处理']);
  assert.deepEqual(await words(byHand.id), [true, '该支付渠道不能由商店退款：请在其后台退款后登记']);
  assert.deepEqual(await words(fine.outTradeNo), [false, null]);
  assert.deepEqual(await numbers('?attention=true&provider=gateway'), [byHand.id]);
  assert.deepEqual(await numbers(`?attention=true&order_id=${fine.order.order_id}`), [fine.outTradeNo], 'the most selective filter');
});

test('attempts by provider, status, day, order, transaction and number, alone and together', async () => {
  const x = await refunds.paid();
  const y = await atGateway();
  const { transaction_id: transaction } = await attemptOf(x.outTradeNo);
  assert.deepEqual(await numbers(`?transaction_id=${transaction}`), [x.outTradeNo]);
  assert.deepEqual(await numbers(`?transaction_id=${transaction}&provider=gateway`), []);
  assert.deepEqual(await numbers(`?order_id=${x.order.order_id}&status=GRANTED&provider=wechat`), [x.outTradeNo]);
  assert.deepEqual(await numbers(`?order_id=${x.order.order_id}&status=OPEN`), []);
  assert.deepEqual((await numbers('?provider=gateway&status=OPEN'))[0], y.id);
  assert.equal((await rows(ATTEMPTS, '?provider=gateway')).every(({ provider, trade_type: type }) => provider === 'gateway' && type === 'PAGE'), true);
  assert.deepEqual(await numbers('?provider=alipay'), []);
  assert.deepEqual((await numbers(`?created_from=${day()}&created_to=${day()}`)).slice(0, 2), [y.id, x.outTradeNo], 'both days are included');
  for (const query of [`?created_to=${day(Date.now() - 86_400_000)}`, `?created_from=${day(Date.now() + 86_400_000)}`, '?out_trade_no=PAY_0', '?transaction_id=0',
    `?order_id=${encodeURIComponent('订单')}`, `?out_trade_no=${encodeURIComponent('号')}`, "?transaction_id=x'y"]) assert.deepEqual(await numbers(query), [], query);
  for (const query of ['?status=PAID', '?provider=paypal', '?attention=false', '?attention=1', '?created_from=x', '?reason=AMOUNT', '?user_id=1']) {
    assertRefused(await list(ATTEMPTS, query), 400, 'INVALID_REQUEST');
  }
});

// ---- messages that match nothing ----

test('an orphan has its provider, facts, and the reason in words; it is resolved once, with a note (B34)', async () => {
  const row = await orphan();
  const { received_at: received, event_id: event, ...rest } = row;
  assert.match(received, DATE);
  assert.match(event, /^[0-9a-f]{64}$/);
  assert.deepEqual(rest, {
    orphan_id: row.orphan_id, provider: 'gateway', reason: 'UNKNOWN_ORDER', reason_text: '本店没有这笔支付', out_trade_no: row.out_trade_no, transaction_id: row.out_trade_no,
    amount: '9.99', copies: 1, status: 'OPEN', note: null, resolved_at: null, resolved_by: null,
  });
  for (const body of [{}, { note: '' }, { note: ' ' }, { note: null }, { note: 1 }, { note: 'x'.repeat(501) }]) assertRefused(await resolve(row.orphan_id, body), 400, 'INVALID_REQUEST');
  const note = '另一家店的付款，\n已转告对方';
  const { status, body } = await resolve(row.orphan_id, { note: ` ${note} ` });
  assert.equal(status, 200, JSON.stringify(body));
  const me = (await trade.ok('GET', '/api/auth/me', { token: trade.admin })).user_id;
  assert.match(body.resolved_at, DATE);
  assert.deepEqual(body, { ...row, status: 'RESOLVED', note, resolved_by: me, resolved_at: body.resolved_at });
  assertRefused(await resolve(row.orphan_id, { note: 'again' }), 409, 'ORPHAN_RESOLVED');
  assert.equal((await rows(ORPHANS, '?limit=1'))[0].note, note);
  assert.deepEqual(await shop.sql(`SELECT actor_user_id, detail FROM journal WHERE action = 'orphan-resolve' AND subject = 'event ${row.orphan_id}'`), [{ actor_user_id: me, detail: note }]);
  assertRefused(await resolve(999_999, { note }), 404, 'NOT_FOUND');
});

// Otherwise the list could not be filtered by it, and would show its code.
test('each reason for which a message is stored has words', () => {
  const codes = (dirs, form) => dirs.flatMap(filesBelow).filter((name) => name.endsWith('.c'))
    .flatMap((name) => [...readFileSync(path.join(checkout, name), 'utf8').matchAll(form)].map(([, code]) => code));
  const said = [...codes(['lib/providers'], /(?:why|mismatch|other_\w+\[\]) = "([A-Z_]+)"/g), ...codes(['lib/providers/alipay'], /(?:return|NULL :) "([A-Z_]+ID)"/g),
    ...codes(['lib/flow'], /(?:return|why =|,) "([A-Z]+_[A-Z_]+|AMOUNT|CURRENCY)"/g)];
  const words = readFileSync(path.join(checkout, 'lib/shop/money/reason.c'), 'utf8');
  const others = ['QUOTE_CHANGED', 'REFUNDED_ELSEWHERE', 'TRADE_STATE', 'TOO_OLD']; // of no message: the last is a reconciliation's
  assert.ok(['MCHID', 'SELLER_ID', 'UNDECRYPTABLE', 'AMOUNT', 'SECOND_TRANSACTION', 'NOT_REVOCABLE', 'REFUND_CLOSED'].every((one) => said.includes(one)), `${said}`);
  assert.deepEqual([...new Set(said)].filter((one) => !words.includes(`X("${one}",`) && !others.includes(one)), []);
});

test('concurrent resolutions: one is noted, the others are refused', async () => {
  const { orphan_id: id } = await orphan();
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => resolve(id, { note: `note ${i}` })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(409)]);
  const [{ n }] = await shop.sql(`SELECT COUNT(*) AS n FROM journal WHERE subject = 'event ${id}'`);
  assert.equal(n, 1);
  assert.equal((await rows(ORPHANS, '?limit=1'))[0].note, answers.find(({ status }) => status === 200).body.note);
});

test('orphans by status, provider, reason and day', async () => {
  const x = await refunds.prepared();
  await shop.pay(x.outTradeNo, { tamper: 'amount' });
  const [atWechat] = await rows(ORPHANS, '?limit=1');
  const other = await orphan();
  const ids = async (query) => (await rows(ORPHANS, query)).map(({ orphan_id: id }) => id);
  assert.equal((await ids('?provider=wechat&reason=AMOUNT'))[0], atWechat.orphan_id);
  assert.deepEqual([atWechat.reason_text, atWechat.out_trade_no, atWechat.amount], ['金额与本店的支付不符', x.outTradeNo, '10.01']);
  assert.equal((await ids('?provider=gateway'))[0], other.orphan_id);
  assert.ok(!(await ids('?provider=gateway')).includes(atWechat.orphan_id));
  assert.equal((await ids('?reason=UNKNOWN_ORDER'))[0], other.orphan_id);
  assert.deepEqual(await ids('?reason=REFUND_CLOSED'), []);
  assert.ok((await ids('?status=OPEN')).includes(other.orphan_id));
  assert.equal((await resolve(other.orphan_id, { note: '已处理' })).status, 200);
  assert.ok(!(await ids('?status=OPEN')).includes(other.orphan_id));
  assert.equal((await ids('?status=RESOLVED'))[0], other.orphan_id);
  assert.equal((await ids(`?received_from=${day()}&received_to=${day()}`)).length, (await ids('')).length);
  assert.deepEqual(await ids(`?received_to=${day(Date.now() - 86_400_000)}`), []);
  for (const query of ['?status=CLOSED', '?provider=card2', '?reason=NONE', '?received_from=x', '?created_from=2024-01-01']) assertRefused(await list(ORPHANS, query), 400, 'INVALID_REQUEST');
});

test('a copy leaves it resolved; another fact under the same event opens it again; what is settled is no orphan (B34)', async () => {
  const more = { timestamp: '2026-01-01T00:00:00Z', id: `TXN${'1'.repeat(24)}` };
  const row = await orphan(more);
  await resolve(row.orphan_id, { note: '看过' });
  const again = await orphan(more);
  assert.deepEqual([again.orphan_id, again.copies, again.status, again.note], [row.orphan_id, 2, 'RESOLVED', '看过']);

  const x = await refunds.prepared();
  const event = { tamper: 'amount', event_id: 'twice-told' };
  await shop.pay(x.outTradeNo, event);
  const [{ orphan_id: id }] = await rows(ORPHANS, '?limit=1');
  const read = async () => (await rows(ORPHANS)).find((row) => row.orphan_id === id);
  await resolve(id, { note: '看过' });
  await shop.pay(x.outTradeNo, event); // with another transaction
  assert.deepEqual((({ status, note, resolved_by: by, copies }) => [status, note, by, copies])(await read()), ['OPEN', null, null, 2]);
  assert.equal((await shop.pay(x.outTradeNo, { event_id: 'twice-told' })).body.status, 200);
  assert.equal(await trade.status(x.order), PAID);
  assert.equal(await read(), undefined);
  assertRefused(await resolve(id, { note: 'x' }), 404, 'NOT_FOUND');
});

// ---- refunds ----

const waiting = async (query = '') => (await rows(REFUNDS, `?attention=true${query}`)).map(({ refund_no: no, attention }) => [no, attention]);

test('refunds that need a person are listed with the reason: by hand, abnormal, refused, in doubt (B37, B43)', async () => {
  const mine = [];
  const seen = async () => (await waiting()).filter(([no]) => mine.includes(no));
  const { refund: byHand } = await owedByHand();
  const [abnormal, refused, doubted] = [await refunds.paid(), await refunds.paid(), await refunds.paid()];
  await refunds.mode('ABNORMAL');
  const a = await refunds.refund(abnormal);
  await refunds.mode('CLOSED');
  const b = await refunds.refund(refused);
  await refunds.mode('PROCESSING');
  const c = await refunds.refund(doubted);
  mine.push(byHand.refund_no, a.refund_no, b.refund_no, c.refund_no);
  assert.deepEqual(await seen(), [[b.refund_no, 'REFUSED'], [a.refund_no, 'ABNORMAL'], [byHand.refund_no, 'MANUAL']]);
  assert.deepEqual([b.attention, b.attention_text], ['REFUSED', '支付平台没有退款，请核对原因后重新退款']);
  assert.equal((await refunds.read(c.refund_no)).body.attention, undefined);

  const alarms = () => shop.log().filter(({ level, message }) => level === 'alarm' && message === `${c.refund_no}: no result for a day, see the merchant console`).length;
  await trade.fault('refund_query', 'status_500');
  shop.clock(DAY_S - 60);
  await shop.minimall(['jobs']);
  assert.equal((await shop.sql(`SELECT attention FROM refunds WHERE refund_no = '${c.refund_no}'`))[0].attention, 0);
  for (const s of [DAY_S + 3600, DAY_S + 7200]) {
    shop.clock(s);
    await shop.minimall(['jobs']);
    assert.equal(alarms(), 1, 'told once');
  }
  shop.clock(0);
  assert.ok((await seen()).some(([no, why]) => no === c.refund_no && why === 'IN_DOUBT'));
  assert.deepEqual(await waiting(`&order_id=${doubted.order.order_id}`), [[c.refund_no, 'IN_DOUBT']]);
  assert.deepEqual(await waiting('&status=CLOSED'), [[b.refund_no, 'REFUSED']]);

  const audited = await trade.audit(0);
  for (const [refund, problem] of [[b, 'refused for good: '], [c, 'no result for a day, see the merchant console: ']]) {
    assert.ok(audited.includes(`open: refund ${refund.refund_no}: ${problem}1000 fen of ${refund.order_id} (refund that needs a person)`), audited.join('\n'));
  }
  assert.ok(audited.includes(`open: refund ${a.refund_no}: abnormal: 1000 fen, resolve it in the merchant console (abnormal refund)`));

  // each ends by what ends it
  await trade.noFaults();
  await refunds.completeRefund(a.refund_no, 'SUCCESS');
  await refunds.completeRefund(c.refund_no, 'SUCCESS');
  await refunds.mode('SUCCESS');
  await refunds.refund(refused); // requested again
  const noted = await shop.minimall(['note-refund', byHand.refund_no]);
  assert.equal(noted.code, 0, noted.stderr);
  assert.deepEqual(await seen(), []);
  await refunds.mode('PROCESSING');
});

const settle = (no, body, token = trade.admin) => shop.call('POST', `${REFUNDS}/${no}/resolve`, { token, body });

test('a refund made by hand, and one that was refused, end with a note; others are not for a person to end', async () => {
  const { refund, order } = await owedByHand();
  for (const body of [{}, { note: '' }, { note: 7 }]) assertRefused(await settle(refund.refund_no, body), 400, 'INVALID_REQUEST');
  assertRefused(await settle(refund.refund_no, { note: 'x' }, anna.token), 403, 'FORBIDDEN');
  assertRefused(await settle('RF0', { note: 'x' }), 404, 'NOT_FOUND');
  const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => settle(refund.refund_no, { note: `已在网关后台退款 ${i}` })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409]);
  const { body } = answers.find(({ status }) => status === 200);
  assert.deepEqual([body.status, body.attention, body.attention_text], ['SUCCESS', undefined, undefined]);
  assert.equal(answers.find(({ status }) => status === 409).body.code, 'REFUND_NOT_WAITING');
  assert.equal((await rows(ATTEMPTS, `?order_id=${order.order_id}`))[0].status, 'REFUNDED');
  const noted = await shop.sql(`SELECT action, detail, actor_user_id IS NOT NULL AS known FROM journal WHERE subject = '${refund.refund_no}'`);
  assert.equal(noted.length, 1);
  assert.match(noted[0].detail, /^已在网关后台退款 \d$/);
  assert.deepEqual([noted[0].action, noted[0].known], ['refund-by-hand', 1]);

  const x = await refunds.paid();
  await refunds.mode('CLOSED');
  const refused = await refunds.refund(x);
  await refunds.mode('PROCESSING');
  const { status, body: given } = await settle(refused.refund_no, { note: '顾客不要了' });
  assert.deepEqual([status, given.status, given.attention], [200, 'CLOSED', undefined]);
  assertRefused(await settle(refused.refund_no, { note: 'x' }), 409, 'REFUND_NOT_WAITING');
  assertRefused(await settle((await refunds.refund(x)).refund_no, { note: 'x' }), 409, 'REFUND_NOT_WAITING');
});

test("what was refunded at the gateway for another reason is noted with payment and amount, on the administrator's word (B62)", async () => {
  const { order, id } = await atGateway();
  const note = (no, ...more) => shop.minimall(['note-refund', no, '--payment', id, ...more]);
  assert.equal((await note('GW1', '--amount', '1.00')).code, 1, 'not paid yet');
  await payAtGateway(id);
  for (const more of [[], ['--amount', '10.01']]) assert.equal((await note('GW1', ...more)).code, 1, `${more}`);
  for (const more of [['--amount', '0'], ['--amount', '-1'], ['--amount', '1.001'], ['--amount'], ['--fee', '1']]) assert.equal((await note('GW1', ...more)).code, 2, `${more}`);
  assert.equal((await shop.minimall(['note-refund', 'GW1', '--amount', '1.00'])).code, 2);
  for (let i = 0; i < 2; i += 1) assert.equal((await note('GW1', '--amount', '4.00')).code, 0);
  assert.equal((await note('GW1', '--amount', '5.00')).code, 1, 'it was another amount');
  assert.deepEqual(await shop.sql("SELECT action, actor_user_id FROM journal WHERE subject = 'GW1'"), [{ action: 'refund-by-hand', actor_user_id: null }]);
  assert.equal(await trade.status(order), PAID);
  assert.equal((await note('GW2', '--amount', '6.00')).code, 0);
  assert.equal(await trade.status(order), REFUNDED);
  assert.deepEqual((await rows(REFUNDS, `?order_id=${order.order_id}`)).map(({ refund_no: no, amount, status }) => [no, amount, status]),
    [['GW2', '6.00', 'SUCCESS'], ['GW1', '4.00', 'SUCCESS']]);
});

test('audit and jobs say what waits for a person, until somebody has looked into it (B34, B43)', async () => {
  await shop.sql('DELETE FROM payment_events WHERE verdict = 6');
  const quiet = (await shop.minimall(['jobs'])).stdout;
  const { refund, id } = await owedByHand();
  const row = await orphan();
  const open = async (name) => (await trade.audit(0)).filter((line) => line.endsWith(`(${name})`) && /TXN/.test(line + id));
  assert.ok((await open('refund that needs a person')).includes(
    `open: refund ${refund.refund_no}: make it in the provider's console, then note-refund: 1000 fen of ${refund.order_id} (refund that needs a person)`));
  assert.deepEqual(await open('orphan payment'), [`open: event ${row.event_id}: orphan: UNKNOWN_ORDER, ${row.out_trade_no}, 999 fen (orphan payment)`]);
  const count = (text) => /a person is needed for (\d+) refunds and (\d+) orphan payments/.exec(text)?.slice(1).map(Number) ?? [0, 0];
  const [refundsBefore] = count(quiet);
  assert.deepEqual(count((await shop.minimall(['jobs'])).stdout), [refundsBefore + 1, 1]);
  await resolve(row.orphan_id, { note: '看过' });
  assert.equal((await shop.minimall(['note-refund', refund.refund_no])).code, 0);
  assert.deepEqual(await open('orphan payment'), []);
  assert.deepEqual(count((await shop.minimall(['jobs'])).stdout), [refundsBefore, 0]);
});

// ---- for administrators, page by page ----

test('only administrators see them (B4)', async () => {
  for (const address of [ATTEMPTS, ORPHANS]) {
    assertRefused(await list(address, '', anna.token), 403, 'FORBIDDEN');
    assertRefused(await list(address, '', null), 401);
  }
  const { orphan_id: id } = await orphan();
  assertRefused(await resolve(id, { note: 'x' }, anna.token), 403, 'FORBIDDEN');
  assert.equal((await rows(ORPHANS, '?limit=1'))[0].status, 'OPEN');
});

test('each list reads its own index from the cursor on, page by page (B13)', async () => {
  const order = await newOrder();
  const { outTradeNo } = await trade.prepay(anna, order);
  assert.equal(await trade.status(order), PENDING);
  shop.skipAudit();
  await shop.sql(`INSERT INTO payment_attempts (payable_kind, payable_id, payable_no, user_id, channel, provider, out_trade_no, amount, request, state, expires_at, created_at, updated_at)
    SELECT a.payable_kind, a.payable_id, a.payable_no, a.user_id, 1, 1, CONCAT('MANY', seq), 1, '', 1, 1, 1700000000000 + FLOOR(seq / 7), 1
    FROM payment_attempts a JOIN ${sequence(MANY)} WHERE a.out_trade_no = '${outTradeNo}'`);
  await shop.sql(`INSERT INTO payment_events (channel, event_id, verdict, reason, out_trade_no, body, received_at, judged_at)
    SELECT 1, CONCAT('many', seq), 6, 'MCHID', CONCAT('MANY', seq), '', 1700000000000 + FLOOR(seq / 7), 1 FROM ${sequence(MANY)}`);
  await shop.sql('ANALYZE TABLE payment_attempts, payment_events');
  await withStatementLog(shop, async (statementFor) => {
    let limit = 101;
    for (const [address, query, table, key, bytes] of [
      [ATTEMPTS, '', 'a', 'by_time', EIGHT],
      [ATTEMPTS, '?status=CLOSED', 'a', 'by_state', 1 + EIGHT],
      [ATTEMPTS, '?provider=wechat', 'a', 'by_provider', 1 + EIGHT],
      [ATTEMPTS, '?provider=wechat&status=CLOSED', 'a', 'by_provider_state', 1 + 1 + EIGHT],
      [ATTEMPTS, `?order_id=${order.order_id}`, 'a', 'by_number', 2 + 40 + EIGHT],
      [ORPHANS, '', 'payment_events', 'by_verdict', 1 + EIGHT],
      [ORPHANS, '?status=OPEN', 'payment_events', 'by_resolution', 1 + 1 + EIGHT],
    ]) {
      const first = await list(address, withQuery(query || '?', `limit=${limit}`).replace('?&', '?'));
      assert.equal(first.body.length, limit, `${address}${query}`);
      const statement = await statementFor(limit);
      await assertWalks(shop, statement, { table, key, bytes }, `${address}${query}`);
      assert.ok(await rowsRead(shop, statement, table) <= limit + 1, `${address}${query}`);
      const pages = await pagesOf(shop, nextOf(first), trade.admin);
      const seen = [first.body, ...pages].flat().map((row) => row.orphan_id ?? row.out_trade_no);
      assert.equal(new Set(seen).size, seen.length);
      assert.ok(seen.length >= MANY, `${address}${query} ${seen.length}`);
      limit += 1;
    }
  });
  assert.equal((await rows(ATTEMPTS, '?attention=true&limit=500')).length, 500);
  assert.equal((await pagesOf(shop, `${ATTEMPTS}?attention=true&limit=300`, trade.admin)).flat().filter(({ out_trade_no: no }) => no.startsWith('MANY')).length, MANY);
});
