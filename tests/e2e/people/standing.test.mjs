// SPDX-License-Identifier: MIT
// A valid token is known to all processes for a minute, without the database, and a revoked one is refused by all of them as
// soon as that was acknowledged (BEHAVIOUR 3), in both homes of the shared state. What the database is asked is seen by a proxy before it.
import assert from 'node:assert/strict';
import { chownSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '../../../sandbox/process.mjs';
import { openDbProxy } from '../lib/db-proxy.mjs';
import { binDir } from '../lib/harness.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { openTrade, tally } from '../lib/trade.mjs';

const KEPT_S = 60;
const SLACK_S = 20; // for a slow machine between two requests
const HELD_S = 30; // nothing is kept of a user so long after something was revoked
const PASSWORD = 'correct horse battery';

// one request of each family that only asks who it is, or whose other answer is cached
const PROBES = { memberships: ({ user }) => `/membership/status?member_id=${user.member_id}`, users: () => '/api/auth/me', orders: () => '/api/orders?limit=1' };
// Statements of preparing and opening, and with Redis of the epoch (ext/state.h).
const ASIDE = /^(?:PREPARE |SET SESSION |SHOW SESSION )|FROM state_epochs/;

const opened = [];
for (const home of homes) opened.push(await open(home));
for (const home of opened) testHome(home);

async function open({ title, options }) {
  const trade = await openTrade({ own: true, families: ['login', 'memberships', 'orders', 'users'], ...options });
  const { shop } = trade;
  const proxy = await openDbProxy(shop.env.DB_SOCKET, shop.dir);
  const restart = async (env) => {
    await shop.restartWeb(env);
    for (const family of Object.keys(PROBES)) await trade.allWorkers(family);
  };
  await restart({ DB_SOCKET: proxy.socket });
  const anna = await trade.buyer();
  await shop.ok('GET', '/api/auth/me', { token: anna.token });
  shop.clock(HELD_S + 1);
  return { title, trade, shop, proxy, restart };
}

function testHome({ title, trade, shop, proxy, restart }) {
  let time = HELD_S + 1; // new marks of Redis are closed so long
  function pass(seconds) {
    time += seconds;
    shop.clock(time);
  }

  // The statuses that all processes answer with to a token: { 200: 8 }.
  async function everywhere(person, families = Object.keys(PROBES)) {
    const answers = [];
    for (const family of families) {
      for (const socket of processSockets(shop, family)) answers.push((await askProcess(socket, { uri: PROBES[family](person), token: person.token })).status);
    }
    return tally(answers);
  }
  const PROCESSES = Object.keys(PROBES).reduce((sum, family) => sum + processSockets(shop, family).length, 0);
  const all = (status) => ({ [status]: PROCESSES });

  async function statementsOf(work) {
    proxy.forget();
    await work();
    return proxy.seen.filter((text) => !ASIDE.test(text));
  }
  const checks = (statements) => statements.filter((text) => /FROM sessions s JOIN users/.test(text)).length;

  // Somebody whose token all processes know.
  async function known(person = undefined) {
    const who = person ?? await trade.buyer();
    pass(HELD_S + 1);
    assert.deepEqual(await everywhere(who), all(200));
    assert.equal(checks(await statementsOf(() => everywhere(who))), 0, 'it is kept');
    return who;
  }

  test(`a status is answered without the database, by every process, ${title} (B3, B50)`, async () => {
    const anna = await known();
    assert.deepEqual(await statementsOf(() => everywhere(anna, ['memberships'])), []);
    if (shop.redis) return; // the epoch is in the database
    await restart({ DB_SOCKET: path.join(shop.dir, 'nowhere.sock') });
    try {
      assert.deepEqual(Object.keys(await everywhere(anna, ['memberships'])), ['200']);
      assert.deepEqual(Object.keys(await everywhere(anna, ['users'])), ['503']);
    } finally {
      await restart({ DB_SOCKET: proxy.socket });
    }
  });

  test(`after a minute it is checked again, not before, ${title} (B3)`, async () => {
    const anna = await trade.buyer();
    await everywhere(anna);
    pass(KEPT_S - SLACK_S);
    assert.equal(checks(await statementsOf(() => everywhere(anna))), 0);
    pass(SLACK_S);
    assert.equal(checks(await statementsOf(() => everywhere(anna))), 1);
  });

  test(`each session has a minute of its own, however many the user has, ${title} (B3)`, async () => {
    const anna = await trade.buyer();
    const sessions = [anna, ...await Promise.all([1, 2, 3].map(() => shop.login(anna.name)))].map(({ token }) => ({ ...anna, token }));
    for (const session of sessions) {
      await everywhere(session);
      pass(10);
    }
    assert.equal(checks(await statementsOf(async () => { for (const session of sessions) await everywhere(session); })), 0);
    pass(KEPT_S - 40); // the first one's minute is over, and not prolonged by the others
    assert.equal(checks(await statementsOf(() => everywhere(sessions[1]))), 0);
    assert.equal(checks(await statementsOf(() => everywhere(sessions[0]))), 1);
    const more = await Promise.all([1, 2, 3].map(() => shop.login(anna.name)));
    for (const { token } of [...more, ...sessions]) assert.deepEqual(await everywhere({ ...anna, token }), all(200));
  });

  test(`the time of activity is written as often as without, ${title} (B3)`, async () => {
    const anna = await known();
    const active = async () => (await shop.sql(`SELECT last_active_at AS at FROM members WHERE member_id = ${anna.user.member_id}`))[0].at;
    const before = await active();
    for (let i = 0; i < 7; i++) {
      pass(50);
      await everywhere(anna);
    }
    const after = await active();
    assert.ok(after - before >= 300_000 && after - before < 360_000, `${after - before} ms`);
  });

  // ---- what revokes ----

  const signOut = (all) => ({ token }) => shop.ok('POST', '/api/auth/logout', { token, body: { all } });
  const change = (body) => ({ user }) => shop.ok('PUT', `/api/users/${user.user_id}`, { token: trade.admin, body });

  const REVOKING = {
    'signing out': [signOut(false)],
    'signing out everywhere': [signOut(true)],
    'signing out everywhere, from another session': [async ({ name }) => signOut(true)(await shop.login(name))],
    'a new role': [change({ permission_level: 1 })],
    'a new password, by an administrator': [change({ password: `${PASSWORD} 2` })],
    'a new password, by the user': [({ token }) => shop.ok('PUT', '/api/auth/me', { token, body: { old_password: PASSWORD, password: `${PASSWORD} 3` } }),
      async (person) => {
        await change({ password: PASSWORD, phone: '13800138001' })(person);
        person.token = (await shop.login(person.name)).token;
      }],
    'deletion': [({ user }) => shop.ok('DELETE', `/api/users/${user.user_id}`, { token: trade.admin })],
    'a refresh token used twice': [async ({ refresh_token: token }) => {
      const refresh = (text) => shop.call('POST', '/api/auth/refresh', { body: { refresh_token: text } });
      const { body } = await refresh(token);
      assert.equal((await refresh(body.refresh_token)).status, 200);
      assert.equal((await refresh(token)).status, 401);
    }],
  };

  for (const [name, [revoke, prepare]] of Object.entries(REVOKING).filter(([each]) => !shop.redis || !each.includes('password'))) {
    test(`refused by every process at once: ${name}, ${title} (B3)`, async () => {
      await trade.adminSignIn();
      const anna = await trade.buyer();
      await prepare?.(anna);
      await known(anna);
      await revoke(anna);
      assert.deepEqual(await everywhere(anna), all(401));
      pass(HELD_S + 1);
      assert.deepEqual(await everywhere(anna), all(401));
    });
  }

  test(`a session that ends leaves the user's others, ${title} (B3)`, async () => {
    const anna = await known();
    const other = { ...anna, token: (await shop.login(anna.name)).token };
    await everywhere(other);
    await signOut(false)(anna);
    assert.deepEqual([await everywhere(anna), await everywhere(other)], [all(401), all(200)]);
  });

  // Requests of many processes beside the revocation: whoever is answered 200 has asked before it was acknowledged.
  test(`requests beside a sign-out: none that begins after it was acknowledged is accepted, ${title} (B3)`, async () => {
    for (let round = 0; round < 5; round++) {
      const anna = await known();
      const sockets = processSockets(shop, 'orders');
      let revoked = false;
      const ask = async (i) => {
        for (let after = 0; after < 3;) {
          const late = revoked;
          const { status } = await askProcess(sockets[i % sockets.length], { uri: '/api/orders?limit=1', token: anna.token });
          assert.ok(status === 401 || (status === 200 && !late), `${status}, ${late ? 'after' : 'before'} the sign-out`);
          after += late ? 1 : 0;
        }
      };
      const readers = Promise.all(Array.from({ length: 8 }, (_, i) => ask(i)));
      await signOut(round % 2 === 0)(anna).then(() => { revoked = true; });
      await readers;
    }
  });

  // ---- without the shared state ----

  test(`what was revoked while the server could not be asked is refused at once, and what it still has is not accepted, ${title} (B3)`, { skip: !shop.redis && 'only Redis' }, async () => {
    const [anna, bob] = [await known(), await known()];
    shop.redis.pause();
    await Promise.all([signOut(false)(anna), signOut(true)(bob)]).finally(() => shop.redis.resume());
    assert.deepEqual([await everywhere(anna), await everywhere(bob)], [all(401), all(401)]);
  });

  test(`with SHARED_HOSTS=on nothing is kept, and tokens are revoked, ${title} (B3)`, { skip: shop.redis && 'it is kept for all hosts' }, async () => {
    await restart({ SHARED_HOSTS: 'on' });
    const anna = await trade.buyer();
    assert.equal(checks(await statementsOf(() => everywhere(anna))), PROCESSES);
    await signOut(false)(anna);
    assert.deepEqual(await everywhere(anna), all(401));
    await restart({ SHARED_HOSTS: null });
  });

  test(`where a home that others use can't be told, the revocation is refused and changes nothing, ${title} (B3)`,
    { skip: (shop.redis && 'it is no file') || (process.getuid() !== 0 && 'root alone can give a directory away') }, async () => {
      const anna = await known();
      const stateDir = shop.env.STATE_DIR;
      const signOutAlone = () => run(path.join(binDir, 'users.fcgi'), [], { // a process that has not opened it yet
        env: {
          MINIMALL_CONFIG: path.join(shop.dir, 'minimall.conf'), GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1', REMOTE_ADDR: '127.0.0.1',
          REQUEST_METHOD: 'POST', REQUEST_URI: '/api/auth/logout', HTTP_AUTHORIZATION: `Bearer ${anna.token}`,
        },
      });
      chownSync(stateDir, 65534, 65534);
      try {
        assert.match((await signOutAlone()).stdout, /^Status: 503\r\n[^]*Retry-After: 1\r\n[^]*"code":"BUSY"/);
        assert.deepEqual(await everywhere(anna), all(200));
      } finally {
        chownSync(stateDir, process.getuid(), process.getgid());
      }
      assert.match((await signOutAlone()).stdout, /^Status: 204\r\n/);
      assert.deepEqual(await everywhere(anna), all(401));
    });
}
