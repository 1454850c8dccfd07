// SPDX-License-Identifier: MIT
// Answers of the catalogue are kept for all processes, and every change is shown by all of them as soon as it is acknowledged
// (BEHAVIOUR 50), in both homes of the shared state. What the database is asked is seen by a proxy before it.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { stateDirectory } from '../../../sandbox/files.mjs';
import { openDbProxy } from '../lib/db-proxy.mjs';
import { nextOf } from '../lib/query-plans.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { CANCELLED, PAID, PAY_S, REFUNDED, TRADE, openTrade, redelivered } from '../lib/trade.mjs';

const KEPT_S = 30; // also how long nothing is kept after a COMMIT without an answer, and by a new Redis server
const SLACK_S = 15; // for a slow machine between two requests
// Of the changes below, those that are tried in each home.
const EVERYWHERE = ['a product\'s name', 'a category\'s name, which its products show', 'an order takes stock', 'an order of many products', 'its buyer cancels an order'];
// Statements of opening a connection, and with Redis of the epoch (ext/state.h).
const ASIDE = /^(?:PREPARE |SET SESSION |SHOW SESSION )|FROM state_epochs/;

const opened = [];
for (const home of homes) opened.push(await open(home));
for (const home of opened) testHome(home);

function ask(socket, uri, options) {
  return askProcess(socket, { uri, ...options });
}

// What a client sees of an answer: all but what differs with each.
function seen({ status, headers, text }) {
  const { 'x-request-id': id, 'x-ratelimit-limit': max, 'x-ratelimit-remaining': left, 'x-ratelimit-reset': reset, ...rest } = headers;
  return { status, headers: rest, text: text.replace(/"request_id":"\w+"/, '') };
}

async function open({ title, options }) {
  const trade = await openTrade({ own: true, families: TRADE, ...options });
  const { shop, admin } = trade;
  const proxy = await openDbProxy(shop.env.DB_SOCKET, shop.dir);
  const make = async (address, body, id) => (await shop.ok('POST', address, { token: admin, body }))[id];
  const home = { title, trade, shop, admin, proxy, make, time: 0 };

  // Returns once all processes serve.
  home.restart = async (env) => {
    await shop.restartWeb(env);
    await trade.allWorkers('catalogue');
  };
  // The clock only goes forward: what is kept doesn't survive one that is set back.
  home.pass = (seconds) => {
    home.time += seconds;
    shop.clock(home.time);
  };
  // Removes all that is kept.
  home.forget = async () => {
    if (shop.redis) await shop.redis.ask('EVAL', "for _, name in ipairs(redis.call('KEYS', '*:v:*')) do redis.call('DEL', name) end", '0');
    const state = stateDirectory(shop.dir);
    for (const name of existsSync(state) ? readdirSync(state) : []) rmSync(path.join(state, name), { recursive: true, force: true });
  };

  await home.restart({ DB_SOCKET: proxy.socket });
  home.sockets = processSockets(shop, 'catalogue');
  home.anna = await trade.buyer();
  home.category = await make('/api/categories', { name: '茶' }, 'category_id');
  home.child = await make('/api/categories', { name: '绿茶', parent_id: home.category }, 'category_id');
  home.tea = await trade.product({ name: '龙井', category_id: home.child });
  home.other = await trade.product({ name: '普洱' });
  await ask(home.sockets[0], '/api/products');
  home.pass(KEPT_S + 1);
  return home;
}

function testHome({ title, trade, shop, admin, proxy, make, restart, pass, forget, sockets, anna, category, child, tea, other }) {
  const LISTS = ['/api/products', '/api/products?limit=1', `/api/products?category_id=${category}`, '/api/categories', `/api/categories?parent_id=${category}`];
  const ADDRESSES = [...LISTS, `/api/products/${tea}`, `/api/products/${other}`, `/api/categories/${category}`, `/api/categories/${child}`];

  // The answers of every process to every address; one process after the other, so that the first fills what the others use.
  async function everywhere(addresses = ADDRESSES, options = {}, asked = sockets) {
    const all = [];
    for (const socket of asked) all.push(Object.fromEntries(await Promise.all(addresses.map(async (uri) => [uri, seen(await ask(socket, uri, options))]))));
    return all;
  }

  // Runs work; returns its result and the statements that it caused.
  async function withStatements(work) {
    proxy.forget();
    const result = await work();
    return [result, proxy.seen.filter((text) => !ASIDE.test(text))];
  }
  const quiet = async (work) => {
    const [result, statements] = await withStatements(work);
    assert.deepEqual(statements, []);
    return result;
  };

  test(`what one process has read is answered by all, equal in every header, without the database, ${title} (B50)`, async () => {
    await forget();
    const [first] = [seen(await ask(sockets[0], ADDRESSES[0]))];
    assert.match(first.headers.etag, /^"[\w-]{22}"$/);
    const [filled] = await everywhere();
    for (const answers of await quiet(() => everywhere())) assert.deepEqual(answers, filled);
    assert.deepEqual(filled[ADDRESSES[0]], first);
    for (const uri of ADDRESSES) assert.deepEqual([filled[uri].status, filled[uri].headers['cache-control']], [200, 'no-cache'], uri);
  });

  test(`a 304 and a HEAD come from what is kept too, ${title} (B50)`, async () => {
    const [filled] = await everywhere();
    await quiet(async () => {
      for (const uri of ADDRESSES) {
        for (const socket of sockets) {
          const { etag } = filled[uri].headers;
          const same = await ask(socket, uri, { headers: { HTTP_IF_NONE_MATCH: etag } });
          assert.deepEqual([same.status, same.text, same.headers.etag], [304, '', etag]);
          const head = await ask(socket, uri, { method: 'HEAD' });
          assert.deepEqual(seen(head), { ...filled[uri], text: '' });
          assert.equal((await ask(socket, uri, { headers: { HTTP_IF_NONE_MATCH: '"x"' } })).status, 200);
        }
      }
    });
  });

  test(`it needs no connection to a database, ${title} (B50)`, { skip: shop.redis && 'the epoch is there' }, async () => {
    const [filled] = await everywhere();
    await restart({ DB_SOCKET: path.join(shop.dir, 'nowhere.sock') });
    try {
      for (const answers of await everywhere()) assert.deepEqual(answers, filled);
      assert.equal((await ask(sockets[0], '/api/products?limit=77')).status, 503);
    } finally {
      await restart({ DB_SOCKET: proxy.socket });
    }
  });

  test(`one answer serves every spelling of a query, with a link of the request's own, ${title} (B50)`, async () => {
    const [{ '/api/products?limit=1': kept }] = await everywhere(['/api/products?limit=1']);
    await quiet(async () => {
      for (const uri of ['/api/products/?limit=1', '/api//products?x=2&limit=1&q=&category_id=']) {
        const answer = await ask(sockets.at(-1), uri);
        assert.deepEqual([answer.status, answer.text, answer.headers.etag], [200, kept.text, kept.headers.etag], uri);
        const link = new URL(nextOf(answer), 'http://shop');
        assert.deepEqual([link.pathname, link.searchParams.get('x'), link.searchParams.get('limit')], ['/api/products', uri.includes('x=') ? '2' : null, '1']);
      }
    });
    assert.deepEqual((await ask(sockets[0], '/api/products?limit=100')).text, (await ask(sockets[0], '/api/products')).text);
    const [second, third] = [await ask(sockets[0], nextOf(kept)), await quiet(() => ask(sockets[1], nextOf(kept)))];
    assert.deepEqual(seen(third), seen(second), 'a later page');
    assert.notEqual(second.text, kept.text);
  });

  test(`what is refused, empty, unknown or searched for is not kept, ${title} (B50)`, async () => {
    for (const [uri, status] of [['/api/products?limit=0', 400], ['/api/products/999999999', 404], ['/api/products?category_id=999999999', 200], ['/api/products?q=龙', 200],
      ['/api/categories?q=茶', 200], ['/api/products?cursor=x', 400]]) {
      for (let i = 0; i < 2; i++) {
        const [answer, statements] = await withStatements(() => ask(sockets[0], encodeURI(uri)));
        assert.equal(answer.status, status, uri);
        assert.equal(statements.some((text) => / FROM /.test(text)), status !== 400, uri);
      }
    }
  });

  test(`an administrator neither gets nor fills what is kept; a customer gets it, as their own, ${title} (B50)`, async () => {
    const hidden = await trade.product({ name: '未上架', status: 0 });
    const addresses = ['/api/products', `/api/products/${hidden}`, `/api/products/${tea}`];
    const as = (token) => everywhere(addresses, { token });
    await forget();
    const [[own], statements] = await withStatements(() => as(admin));
    assert.ok(statements.filter((text) => /FROM products/.test(text)).length >= addresses.length * sockets.length);
    assert.deepEqual(addresses.map((uri) => own[uri].status), [200, 200, 200]);
    assert.ok(own['/api/products'].text.includes('未上架'));
    const [filled] = await as(undefined);
    assert.deepEqual(addresses.map((uri) => filled[uri].status), [200, 404, 200]);
    assert.ok(!filled['/api/products'].text.includes('未上架'));
    for (const answers of await as(admin)) assert.deepEqual(answers, own);
    const [customers, asked] = await withStatements(() => everywhere(['/api/products'], { token: anna.token }));
    assert.deepEqual(asked.filter((text) => /products|categories/.test(text)), []);
    for (const { '/api/products': { headers, text } } of customers) {
      assert.deepEqual([text, headers.etag, headers['cache-control']], [filled['/api/products'].text, filled['/api/products'].headers.etag, 'private, no-cache']);
    }
  });

  // ---- changes ----

  const put = (address, body) => () => shop.ok('PUT', address, { token: admin, body });
  const product = `/api/products/${tea}`;
  const ordered = () => trade.order(anna, [[tea, 1], [other, 1]]);
  let order;

  // [the change, what prepares it before the answers are kept]; each changes at least one of ADDRESSES.
  const CHANGES = {
    'a product\'s name': [put(product, { name: '西湖龙井' })],
    'its price': [put(product, { price: '12.00' })],
    'its stock, by an administrator': [put(product, { stock: 50 })],
    'its stock, relative': [put(product, { stock_delta: 3 })],
    'its category': [put(product, { category_id: category })],
    'and back': [put(product, { category_id: child })],
    'off the shelf': [put(product, { status: 0 })],
    'on the shelf': [put(product, { status: 1 })],
    'a new product': [() => trade.product({ name: '新茶', category_id: child })],
    'a deleted product': [async () => shop.ok('DELETE', `/api/products/${order}`, { token: admin }), async () => { order = await trade.product(); }],
    'a new category': [() => make('/api/categories', { name: '红茶', parent_id: category }, 'category_id')],
    'a category\'s name, which its products show': [put(`/api/categories/${child}`, { name: '炒青' })],
    'a category\'s place, by which products are found': [put(`/api/categories/${child}`, { parent_id: null })],
    'a category\'s place again': [put(`/api/categories/${child}`, { parent_id: category })],
    'a deleted category': [() => shop.ok('DELETE', `/api/categories/${order}`, { token: admin }),
      async () => { order = await make('/api/categories', { name: '空', parent_id: category }, 'category_id'); }],
    'an order takes stock': [ordered],
    'an order of many products': [async () => trade.order(anna, [[tea, 1], ...order.map((id) => [id, 1])]),
      async () => { order = await Promise.all(Array.from({ length: 12 }, () => trade.product())); }],
    'its buyer cancels an order': [() => trade.cancel(anna, order), async () => { order = await ordered(); }],
    'an administrator cancels one': [() => trade.set(order, { status: CANCELLED }), async () => { order = await ordered(); }],
    'an administrator refunds one': [() => trade.set(order, { status: REFUNDED }), async () => { order = await trade.orderIn(anna, [[tea, 1]], PAID, 'offline'); }],
    'a refund by the provider': [() => redelivered(() => shop.sandbox('POST', `/refund/${order}`, { status: 'SUCCESS' })), async () => {
      const { order_id: id } = await trade.orderIn(anna, [[tea, 1]], PAID);
      order = (await shop.ok('POST', '/api/payment/refunds', { token: admin, body: { order_id: id, reason: '退货' } })).refund_no;
    }],
    'a payment that arrives after the order was cancelled': [() => trade.payNotified(order), async () => {
      const made = await ordered();
      order = (await trade.prepay(anna, made)).outTradeNo;
      await trade.set(made, { status: CANCELLED });
    }],
    'a deleted user, whose orders are cancelled': [() => shop.ok('DELETE', `/api/users/${order.user.user_id}`, { token: admin }), async () => {
      order = await trade.buyer();
      await trade.order(order, [[tea, 1]]);
    }],
  };

  // Every process's answers after a change, and what they are without any that is kept.
  async function assertShown(name, change) {
    await forget();
    const [before] = await everywhere();
    await change();
    const after = await everywhere();
    await forget();
    const [truth] = await everywhere(ADDRESSES, {}, [sockets[0]]);
    for (const answers of after) assert.deepEqual(answers, truth, name);
    assert.notDeepEqual(truth, before, `${name} changes nothing that is shown`);
    for (const uri of ADDRESSES) {
      assert.equal(truth[uri].text !== before[uri].text || truth[uri].status !== before[uri].status, truth[uri].headers.etag !== before[uri].headers.etag, `${name}: the tag of ${uri}`);
    }
  }

  for (const [name, [change, prepare]] of Object.entries(CHANGES).filter(([each]) => !shop.redis || EVERYWHERE.includes(each))) {
    test(`every process shows it at once: ${name}, ${title} (B50)`, async () => {
      await prepare?.();
      await assertShown(name, change);
    });
  }

  test(`every process shows it at once: jobs cancels orders that were not paid, ${title} (B50)`, async () => {
    await ordered();
    pass(PAY_S + 60);
    await assertShown('jobs', async () => {
      const { code, stderr } = await shop.minimall(['jobs']);
      assert.equal(code, 0, stderr);
    });
  });

  test(`an order leaves the answers about other products, ${title} (B50)`, async () => {
    const third = await trade.product();
    const uri = `/api/products/${third}`;
    const kept = [uri, '/api/categories', `/api/categories/${child}`];
    await everywhere(kept);
    await ordered();
    await quiet(() => everywhere(kept));
  });

  for (const [act, taken] of [['lose', 1], ['drop', 0]]) {
    test(`after a COMMIT without an answer the truth is shown, and nothing is kept until it is certainly over: ${act}, ${title} (B50, B53)`, async () => {
      await forget();
      await everywhere();
      const stock = await trade.stock(tea);
      proxy.forget();
      const rule = proxy.once(/^COMMIT$/, act);
      assert.equal((await trade.tryOrder(anna, [[tea, 1]])).body.code, 'UNKNOWN_OUTCOME');
      assert.ok(rule.hit);
      for (let i = 0; i < 2; i++) {
        const [shown, statements] = await withStatements(() => everywhere([product, '/api/products']));
        for (const answers of shown) assert.equal(JSON.parse(answers[product].text).stock, stock - taken);
        assert.ok(statements.length >= 2 * sockets.length, 'nothing is kept');
      }
      pass(KEPT_S + 1);
      await everywhere([product, '/api/products']);
      await quiet(() => everywhere([product, '/api/products']));
        await forget();
    });
  }

  test(`what changed unnoticed, by a process that was killed or by hand, is shown after half a minute, ${title} (B50)`, async () => {
    await forget();
    const [before] = await everywhere([product]);
    await shop.sql(`UPDATE products SET name = '手改' WHERE product_id = ${tea}`);
    for (const [seconds, name] of [[KEPT_S - SLACK_S, JSON.parse(before[product].text).name], [SLACK_S, '手改']]) {
      pass(seconds);
      for (const answers of await everywhere([product])) assert.equal(JSON.parse(answers[product].text).name, name, `${seconds} s`);
    }
    await forget();
  });

  test(`with SHARED_HOSTS=on nothing is kept, ${title} (B50)`, { skip: shop.redis && 'it is kept for all hosts' }, async () => {
    await restart({ SHARED_HOSTS: 'on' });
    const [, statements] = await withStatements(() => everywhere([product]));
    assert.ok(statements.filter((text) => /FROM products/.test(text)).length >= sockets.length);
    await restart({ SHARED_HOSTS: null });
  });

  test(`what changed while the server could not be asked is shown at once, and what it still has is not, ${title} (B50)`, { skip: !shop.redis && 'only Redis' }, async () => {
    await forget();
    const [before] = await everywhere();
    shop.redis.pause();
    await ordered().finally(() => shop.redis.resume());
    const after = await everywhere();
    await forget();
    const [truth] = await everywhere();
    for (const answers of after) assert.deepEqual(answers, truth);
    assert.notDeepEqual(truth, before);
  });

  // Writers raise a version; each reader notes what was acknowledged before it asks, and must not get an older one.
  test(`many readers of all processes beside writers: no answer is older than what was acknowledged before it was asked for, ${title} (B50)`, async () => {
    const WRITES = 120;
    const raced = await Promise.all([0, 1].map(() => trade.product({ stock: 0 })));
    const acknowledged = Object.fromEntries(raced.map((id) => [id, 0]));
    let writing = true;
    let reads = 0;
    const versionsOf = (answer) => [answer.json].flat().map(({ product_id: id, stock }) => [id, stock]).filter(([id]) => id in acknowledged);
    async function read(i) {
      while (writing) {
        const uri = ['/api/products', ...raced.map((id) => `/api/products/${id}`)][(i + reads) % 3];
        const known = { ...acknowledged };
        const answer = await ask(sockets[i % sockets.length], uri);
        assert.equal(answer.status, 200, answer.text);
        for (const [id, version] of versionsOf(answer)) assert.ok(version >= known[id], `${uri}: version ${version} after ${known[id]} was acknowledged`);
        reads += 1;
      }
    }
    async function write(id, n) {
      for (let version = 1; version <= n; version++) {
        const answer = await ask(sockets[version % sockets.length], `/api/products/${id}`, { method: 'PUT', token: admin, body: { stock: version } });
        assert.equal(answer.status, 200, answer.text);
        acknowledged[id] = version;
      }
    }
    const readers = Array.from({ length: 8 }, (_, i) => read(i));
    await Promise.all(raced.map((id) => write(id, WRITES))).finally(() => { writing = false; });
    await Promise.all(readers);
    assert.ok(reads > WRITES, `${reads} reads`);
  });
}
