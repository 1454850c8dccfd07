// SPDX-License-Identifier: MIT
// Alipay's trade bill at its simulator: when there is one, what is in it, planted differences, and damaged archives. The bills are
// read here by other libraries than those that made them: fflate, and the platform's decoder of GBK.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, beforeEach, test } from 'node:test';
import { toGbk } from '../../../sandbox/alipay/gbk.mjs';
import {
  BILL, REFUND, call, china, content, keys, pay, payUrl, refusal, sandbox, sdk, setClock, stop, switchOn, verifyAlipay,
} from '../lib/alipay-simulator.mjs';
import { send } from '../lib/simulators.mjs';

const { unzipSync } = createRequire(new URL('../../../sandbox/package.json', import.meta.url))('fflate');

const NODE = 'alipay_data_dataservice_bill_downloadurl_query_response';
const DAY_MS = 86_400_000;
const gbk = new TextDecoder('gbk', { fatal: true });

after(stop, { timeout: 10_000 });
beforeEach(async () => {
  await sandbox('PUT', '/sandbox/bill', {});
  await sandbox('DELETE', '/sandbox/faults');
});

// Every test has a day of its own, so that what was paid in others isn't in its bills.
let days = 0;
let offsetMs = 0;
const dayAt = (n) => china(Date.now() + n * DAY_MS).slice(0, 10);
function newDay() {
  days += 10;
  return { day: dayAt(days), at: (time, later = 0) => clockTo(`${dayAt(days + later)}T${time}+08:00`) };
}
function clockTo(text) {
  offsetMs = Math.floor((Date.parse(text) - Date.now()) / 1000) * 1000;
  setClock(offsetMs / 1000);
}
const timestamp = () => china(Date.now() + offsetMs);
const signed = (method, biz) => call(method, biz, { params: { timestamp: timestamp() } });
const ask = (day, more) => signed(BILL, { bill_type: 'trade', bill_date: day, ...more });

async function paid(more = {}, how = {}) {
  const made = content(more);
  // the SDK signs with its own clock, which the cashier accepts for a day; further on the address is made here
  const url = new URL(payUrl(made));
  url.searchParams.delete('sign');
  const params = Object.fromEntries(url.searchParams);
  delete params.biz_content;
  const reply = await call(params.method, made, { params: { ...params, timestamp: timestamp() } });
  assert.equal(reply.status, 200, reply.text);
  assert.ok(reply.text.includes('支付宝收银台'), reply.text);
  assert.equal((await pay(made.out_trade_no, { notify: false, ...how })).status, 200);
  return made;
}

async function refunded(made, amount) {
  const biz = { out_trade_no: made.out_trade_no, refund_amount: amount, out_request_no: `R${made.out_trade_no}` };
  assert.match((await signed(REFUND, biz)).text, /"code":"10000"/);
  return biz.out_request_no;
}

function linkOf(reply) {
  const { [NODE]: node, sign } = JSON.parse(reply.text);
  assert.equal(node.code, '10000', reply.text);
  const raw = reply.text.slice(reply.text.indexOf(NODE) + NODE.length + 2, reply.text.lastIndexOf(',"sign"'));
  assert.ok(verifyAlipay(raw, sign));
  return node;
}

// The bill of a day, checked: { rows, totals, link, summary }.
async function billOf(day) {
  const { bill_download_url: link, ...rest } = linkOf(await ask(day));
  const file = await send('GET', link);
  assert.equal(file.status, 200);
  assert.equal(file.headers['content-type'], 'application/zip');
  const files = Object.values(unzipSync(file.bytes)).map((bytes) => gbk.decode(bytes).split('\r\n'));
  const [details, summary] = files;
  assert.deepEqual([files.length, details[0], summary[0]], [2, '#支付宝业务明细查询', '#支付宝业务汇总查询']);
  assert.equal(details[1], `#账号：[${keys.sellerId}0156]`);
  const [header, ...lines] = details.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').map((cell) => cell.trim()));
  assert.equal(header.length, 25);
  const rows = lines.map((line) => Object.fromEntries(header.map((name, i) => [name, line[i]])));
  return { rows, totals: details.filter((line) => /合计：/.test(line)), link, rest };
}

const facts = ({ rows }) => rows.map((row) => [
  row['商户订单号'], row['业务类型'], row['订单金额（元）'], row['退款批次号/请求号'],
]);

test('a bill has what was paid and refunded on its day, and totals', async () => {
  const { day, at } = newDay();
  at('23:59:58', -1);
  const before = await paid();
  at('00:00:01');
  const first = await paid({ total_amount: '123.45', subject: '茶，水 ® 茶' });
  at('23:59:58');
  const second = await paid({}, { coupon_fen: 800 });
  const part = await refunded(first, '0.45');
  const whole = await refunded(before, '88.80');
  at('00:00:01', 1);
  await refunded(second, '88.80');
  await paid();
  at('10:00:05', 1);
  const bill = await billOf(day);
  assert.deepEqual(facts(bill), [
    [first.out_trade_no, '交易', '123.45', ''],
    [second.out_trade_no, '交易', '88.80', ''],
    [first.out_trade_no, '退款', '-0.45', part],
    [before.out_trade_no, '退款', '-88.80', whole],
  ]);
  assert.deepEqual(bill.totals, [
    '#交易合计：2笔，商家实收共212.25元，商家优惠共0.00元', '#退款合计：2笔，商家实收退款共-89.25元，商家优惠退款共0.00元',
  ]);
  assert.equal(bill.rows[0]['商品名称'], '茶，水 ? 茶', 'what is not in GBK is lost');
  assert.ok(bill.rows.every((row) => row['完成时间'].startsWith(day)));
  assert.deepEqual(bill.rest, { code: '10000', msg: 'Success' });
  assert.equal((await billOf(dayAt(days - 1))).rows.length, 1);
});

test('there is a bill from ten o\'clock of the next day on, also of a day without trade', async () => {
  const { day, at } = newDay();
  for (const [time, later] of [['12:00:05', 0], ['23:59:50', 0], ['12:00:00', -1]]) {
    at(time, later);
    assert.equal(refusal(await ask(day)), 'INVAILID_ARGUMENTS');
  }
  at('09:59:50', 1);
  assert.equal(refusal(await ask(day)), 'BILL_NOT_EXIST');
  at('10:00:05', 1);
  const empty = await billOf(day);
  assert.deepEqual([empty.rows, empty.rest.bill_file_code], [[], 'EMPTY_DATA_WITH_BILL_FILE']);
  assert.deepEqual(empty.totals.map((line) => /：0笔，.*共0\.00元，/.test(line)), [true, true]);
  for (const wrong of ['2026-02-30', '20260201', '2026-1-1', '2014-01-01']) assert.equal(refusal(await ask(wrong)), 'INVAILID_ARGUMENTS');
  for (const more of [{ bill_type: 'signcustomer' }, { bill_date: undefined }, { other: '1' }]) assert.equal(refusal(await ask(day, more)), 'ACQ.INVALID_PARAMETER');
  assert.equal((await sdk.exec(BILL, { biz_content: { bill_type: 'trade', bill_date: dayAt(-1) } }).catch((error) => error)).code, '40002', 'the SDK has its own clock');
});

test('a link is good for thirty seconds', async () => {
  const { day, at } = newDay();
  at('12:00:00', 1);
  const { link } = await billOf(day);
  at('12:00:25', 1);
  assert.equal((await send('GET', link)).status, 200);
  at('12:00:40', 1);
  assert.equal((await send('GET', link)).status, 403);
  assert.equal((await send('GET', link.replace(/token=.*/, 'token=none'))).status, 403);
});

test('planted differences: a line too few, one too many, another amount; the totals follow', async () => {
  const { day, at } = newDay();
  at('12:00:00');
  const [gone, dearer, same] = [await paid(), await paid(), await paid()];
  const back = await refunded(same, '1.00');
  at('12:00:00', 1);
  const plan = {
    missing: [gone.out_trade_no],
    amount: { [dearer.out_trade_no]: 8881, [back]: 99 },
    extra: [{ kind: 'payment', out_trade_no: 'PAY_of_nobody', fen: 7 }, { kind: 'refund', out_trade_no: 'PAY_of_nobody', refund_no: 'R1', fen: 3 }],
  };
  assert.equal((await sandbox('PUT', '/sandbox/bill', plan)).status, 200);
  const bill = await billOf(day);
  assert.deepEqual(new Set(facts(bill).map(String)), new Set([
    [dearer.out_trade_no, '交易', '88.81', ''],
    [same.out_trade_no, '交易', '88.80', ''],
    [same.out_trade_no, '退款', '-0.99', back],
    ['PAY_of_nobody', '交易', '0.07', ''],
    ['PAY_of_nobody', '退款', '-0.03', 'R1'],
  ].map(String)));
  assert.match(bill.totals.join(), /交易合计：3笔，商家实收共177\.68元.*退款合计：2笔，商家实收退款共-1\.02元/);
  assert.equal((await sandbox('PUT', '/sandbox/bill', {})).status, 200);
  assert.equal((await billOf(day)).rows.length, 4, 'it ends when it is taken back');
  assert.equal((await sandbox('PUT', '/sandbox/bill', { lost: [] })).status, 400);
});

test('damaged bills on command, one at a time', async () => {
  const { day, at } = newDay();
  at('12:00:00');
  await paid();
  at('12:00:00', 1);
  const file = async (fault) => {
    await switchOn('bill', fault);
    return (await send('GET', linkOf(await ask(day)).bill_download_url)).bytes;
  };
  const detailsOf = (bytes) => Object.values(unzipSync(bytes))[0];
  const encoding = await file('bill_encoding');
  assert.throws(() => gbk.decode(detailsOf(encoding)));
  assert.match(gbk.decode(detailsOf(await file('bill_totals'))), /商家实收共88\.81元/);
  assert.ok(!gbk.decode(detailsOf(await file('bill_account'))).includes(keys.sellerId));
  assert.ok(detailsOf(await file('bill_bomb')).length > 60_000_000);
  assert.equal(gbk.decode(detailsOf(await file('bill_no_details'))).split('\r\n')[0], '#支付宝业务汇总查询');
  assert.equal((await file('bill_encrypted'))[6] & 1, 1);
  assert.equal((await file('bill_many')).readUInt16LE((await file('bill_many')).length - 12), 20);
  const [truncated, damaged, size] = [await file('bill_truncated'), await file('bill_damaged'), await file('bill_size')];
  assert.throws(() => unzipSync(truncated));
  assert.equal(damaged.readUInt32LE(14), 1, 'its checksum');
  assert.equal(size.readUInt32LE(22), detailsOf(encoding).length - 5 + 1, 'its size');
  await switchOn('bill', 'bill_elsewhere');
  assert.equal(new URL(linkOf(await ask(day)).bill_download_url).hostname, 'dwbillcenter.alipay.com.example.com');
  await switchOn('bill', 'bill_none');
  assert.equal(refusal(await ask(day)), 'BILL_NOT_EXIST');
  assert.equal((await billOf(day)).rows.length, 1, 'then it is sound again');
});

test('the file itself can be cut, and refused', async () => {
  const { day, at } = newDay();
  at('12:00:00', 1);
  const { link } = await billOf(day);
  await switchOn('bill_file', 'status_500');
  assert.equal((await send('GET', link)).status, 500);
  await switchOn('bill_file', 'truncated');
  await assert.rejects(send('GET', link));
  assert.equal((await send('GET', link)).status, 200);
});

test('texts in GBK are those of another implementation', () => {
  const text = '支付宝交易号，（元）龙茶 250 克\t-0.45 镕〇￥';
  assert.equal(gbk.decode(toGbk(text)), text);
  assert.deepEqual([...toGbk('元（')], [0xd4, 0xaa, 0xa3, 0xa8]);
  assert.equal(toGbk('🍵').toString(), '?');
});
