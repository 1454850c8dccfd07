// SPDX-License-Identifier: MIT
// How often a password may be tried: per account and per address, exact across processes, and never a way to keep a user out (BEHAVIOUR 9);
// on both homes of the shared state.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { MINUTE_S, openTrade, tally } from '../lib/trade.mjs';

const PER_ACCOUNT = 3;
const PER_ADDRESS = 6;
const QUARTER_S = 15 * MINUTE_S;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;
const PASSWORD = '正确的密码-0123456789';
const WRONG = 'a-wrong-password';

const env = { SIGN_IN_FAILURES_PER_ACCOUNT: `${PER_ACCOUNT}`, SIGN_IN_FAILURES_PER_ADDRESS: `${PER_ADDRESS}` };
const opened = [];
for (const { title, options } of homes) opened.push([title, await openTrade({ families: ['login', 'users'], env, ...options })]);
for (const [title, trade] of opened) testHome(title, trade);

function testHome(where, trade) {
  const { shop } = trade;
  const sockets = processSockets(shop, 'passwords');
  const accountSockets = processSockets(shop, 'users');

  let sent = 0;
  // To each process in turn, as the web server would.
  function ask(processes, address, request) {
    sent += 1;
    return askProcess(processes[sent % processes.length], { ...request, headers: { REMOTE_ADDR: address, CONTENT_TYPE: 'application/json' } });
  }
  const signIn = (account, password, address) => ask(sockets, address, { method: 'POST', uri: '/api/auth/login', body: { account, password } });
  const change = (token, body, address) => ask(accountSockets, address, { method: 'PUT', uri: '/api/auth/me', token, body });

  let networks = 0;
  const network = () => { networks += 1; return `192.0.${networks}.`; }; // addresses that no other test uses

  async function withPassword() {
    const person = await trade.buyer();
    const email = `${person.name}@example.com`;
    await trade.ok('PUT', `/api/users/${person.user.user_id}`, { token: trade.admin, body: { email, password: PASSWORD } });
    return email;
  }

  const statuses = (answers) => tally(answers.map(({ status }) => status));
  const waitOf = ({ headers }) => Number(headers['retry-after']);

  // Fails from ever new addresses until it is refused; returns that answer.
  async function exhaust(account, from = network()) {
    for (let i = 1; ; i++) {
      const answer = await signIn(account, WRONG, `${from}${i}`);
      if (answer.status === 429) return answer;
      assert.equal(answer.status, 401);
      assert.ok(i < 4 * PER_ACCOUNT);
    }
  }

  test(`concurrent tries to all processes are checked so often, then 429 with the time to wait (B9) ${where}`, async () => {
    assert.ok(sockets.length > 1);
    const [email, from] = [await withPassword(), network()];
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => signIn(email, WRONG, `${from}${i}`)));
    assert.deepEqual(statuses(answers), { 401: PER_ACCOUNT, 429: 40 - PER_ACCOUNT });
    const refused = answers.find(({ status }) => status === 429);
    assert.equal(refused.json.code, 'RATE_LIMITED');
    assert.ok(waitOf(refused) >= 1 && waitOf(refused) <= MINUTE_S, refused.headers['retry-after']);
    assert.ok(Math.abs(Date.parse(refused.json.retry_at) - Date.now()) <= MINUTE_S * 1000);
    assert.equal((await signIn(email.toUpperCase(), PASSWORD, `${from}99`)).status, 429, 'another spelling is the same account');
    assert.equal((await signIn(await withPassword(), PASSWORD, `${from}99`)).status, 200, 'another account is not concerned');
  });

  test(`an account that does not exist is refused after as many tries, in the same words (B9) ${where}`, async () => {
    const [known, unknown] = [await exhaust(await withPassword()), await exhaust('nobody@example.com')];
    const told = ({ status, json: { request_id: _, retry_at: __, ...body } }) => ({ status, ...body });
    assert.deepEqual(told(unknown), told(known));
    assert.deepEqual(Object.keys(unknown.headers).sort(), Object.keys(known.headers).sort());
  });

  test(`an address is refused for all accounts, an IPv6 one together with its network (B9) ${where}`, async () => {
    const other = await withPassword();
    for (const [first, second, elsewhere] of [['198.51.100.1', '198.51.100.1', '198.51.100.2'], ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1']]) {
      const answers = await Promise.all(Array.from({ length: 2 * PER_ADDRESS }, (_, i) => signIn(`nobody-${i}-${first}`, WRONG, first)));
      assert.deepEqual(statuses(answers), { 401: PER_ADDRESS, 429: PER_ADDRESS });
      assert.equal((await signIn(other, PASSWORD, second)).status, 429);
      assert.equal((await signIn(other, PASSWORD, elsewhere)).status, 200);
    }
  });

  test(`the wait grows with failures and ends within an hour, also if refused tries go on (B9) ${where}`, async (t) => {
    t.after(() => shop.clock(0));
    const email = await withPassword();
    let now = 0;
    let failures = 0;
    const waits = [];
    for (let i = 0; i < 6; i++) {
      let answer = await signIn(email, WRONG, `${network()}1`);
      for (; answer.status === 401; answer = await signIn(email, WRONG, `${network()}1`)) failures += 1;
      waits.push(waitOf(answer));
      if (failures === 4 * PER_ACCOUNT) break;
      now += waitOf(answer);
      shop.clock(now);
    }
    assert.equal(failures, 4 * PER_ACCOUNT, `${waits}`);
    assert.ok(waits[0] <= MINUTE_S && waits[1] > MINUTE_S && waits[1] <= QUARTER_S && waits.at(-1) > QUARTER_S && waits.at(-1) <= HOUR_S, `${waits}`);
    for (let i = 0; i < 20; i++) assert.equal((await signIn(email, WRONG, `${network()}1`)).status, 429);
    shop.clock(now + waits.at(-1) + 1);
    assert.equal((await signIn(email, PASSWORD, `${network()}1`)).status, 200);
  });

  test(`sign-ins that succeed are not counted, nor do they forgive failures of others (B9) ${where}`, async () => {
    const [email, address] = [await withPassword(), `${network()}1`];
    for (let i = 0; i < 3 * PER_ADDRESS; i++) assert.equal((await signIn(email, PASSWORD, address)).status, 200);
    for (let i = 0; i < PER_ADDRESS; i++) {
      assert.equal((await signIn(`nobody-${i}-${address}`, WRONG, address)).status, 401);
      assert.equal((await signIn(email, PASSWORD, address)).status, 200);
    }
    assert.equal((await signIn('nobody-more', WRONG, address)).status, 429);
  });

  test(`where a user has signed in before, failures elsewhere and of others there keep nobody out, for a month (B9) ${where}`, async (t) => {
    t.after(() => shop.clock(0));
    const [email, home] = [await withPassword(), `${network()}1`];
    assert.equal((await signIn(email, PASSWORD, home)).status, 200);
    for (const days of [0, 30]) {
      shop.clock(days * DAY_S);
      await exhaust(email);
      for (let i = 0; i < PER_ADDRESS; i++) await signIn(`nobody-${days}-${i}`, WRONG, home);
      assert.equal((await signIn(`nobody-${days}`, WRONG, home)).status, 429);
      assert.equal((await signIn(email, PASSWORD, home)).status, 200, `after ${days} days`);
      for (let i = 0; i < PER_ACCOUNT; i++) assert.equal((await signIn(email, WRONG, home)).status, 401);
      assert.equal((await signIn(email, PASSWORD, home)).status, 429, 'it has its own limit there');
    }
  });

  // Someone who signed in at an address, and changes the password there or elsewhere.
  async function signedIn(address = `${network()}1`) {
    const email = await withPassword();
    return { email, address, token: (await signIn(email, PASSWORD, address)).json.token };
  }

  test(`a stolen token is no way to guess the password: wrong old ones count as wrong sign-ins, at all processes (B9) ${where}`, async () => {
    assert.ok(accountSockets.length > 1);
    const [{ email, token, address }, from] = [await signedIn(), network()];
    for (let i = 0; i < PER_ACCOUNT; i++) {
      const wrong = await change(token, { password: 'another-one-1', old_password: WRONG, nickname: '不可保留' }, `${from}${i}`);
      assert.deepEqual([wrong.status, wrong.json.code], [403, 'PASSWORD_WRONG']);
    }
    for (const old of [WRONG, PASSWORD]) {
      const refused = await change(token, { password: 'another-one-1', old_password: old, nickname: '不可保留' }, `${from}99`);
      assert.deepEqual([refused.status, refused.json.code], [429, 'RATE_LIMITED']);
      assert.ok(waitOf(refused) >= 1 && waitOf(refused) <= MINUTE_S, refused.headers['retry-after']);
      assert.ok(Math.abs(Date.parse(refused.json.retry_at) - Date.now()) <= MINUTE_S * 1000);
    }
    assert.equal((await signIn(email, PASSWORD, `${from}99`)).status, 429, 'also to sign in');
    const renamed = await change(token, { nickname: '新名' }, `${from}99`);
    assert.equal(renamed.status, 200, 'what needs no password is not concerned');
    assert.equal((await change(token, { password: 'another-one-1', old_password: PASSWORD }, address)).status, 200, 'nor where the user signed in');
    assert.equal((await signIn(email, 'another-one-1', address)).status, 200);
  });

  test(`changes that succeed are not counted, and make their address known as a sign-in does (B9) ${where}`, async () => {
    const { email, ...first } = await signedIn();
    let { token } = first;
    const home = `${network()}1`;
    for (let i = 0; i <= PER_ACCOUNT; i++) {
      const [old, password] = [i === 0 ? PASSWORD : `changed-${i - 1}-times`, `changed-${i}-times`];
      assert.equal((await change(token, { password, old_password: old }, home)).status, 200);
      ({ json: { token } } = await signIn(email, password, first.address));
    }
    await exhaust(email);
    assert.equal((await signIn(email, `changed-${PER_ACCOUNT}-times`, home)).status, 200);
  });

  test(`who has no name to sign in with is limited alone (B9) ${where}`, async () => {
    const people = await trade.buyers(2);
    for (const { user } of people) await trade.ok('PUT', `/api/users/${user.user_id}`, { token: trade.admin, body: { password: PASSWORD } });
    const [[limited, other], from] = [await Promise.all(people.map((person) => trade.signInAgain(person))), network()];
    const guess = ({ token }, i) => change(token, { password: 'another-one-1', old_password: WRONG }, `${from}${i}`);
    for (let i = 0; i < PER_ACCOUNT; i++) assert.equal((await guess(limited, i)).status, 403);
    assert.equal((await guess(limited, 98)).status, 429);
    assert.equal((await guess(other, 99)).status, 403);
  });

  test(`a failure of the database counts for nobody (B9) ${where}`, async () => {
    const [email, from] = [await withPassword(), network()];
    await shop.sql('RENAME TABLE users TO users_away');
    try {
      for (let i = 0; i < 2 * PER_ACCOUNT; i++) assert.equal((await signIn(email, PASSWORD, `${from}1`)).status, 500);
    } finally {
      await shop.sql('RENAME TABLE users_away TO users');
    }
    for (let i = 0; i < PER_ACCOUNT; i++) assert.equal((await signIn(email, WRONG, `${from}${i}`)).status, 401);
    assert.equal((await signIn(email, PASSWORD, `${from}9`)).status, 429);
  });
}
