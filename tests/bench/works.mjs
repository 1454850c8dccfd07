// SPDX-License-Identifier: MIT
// What is measured. A work is a row:
//   name, title   as the report shows them
//   status        that every answer must have
//   requests      of a peer, sent in turn; only of peers of which `of` is true
//   uncached      of minimall with nothing cached
//   essence       what the answers of all peers must have in common
//   values        for the limit that the database sets (statements.mjs): of each request what its statements are about;
//   family        and that of its program
//   quick         measured by QUICK=1 too
// A peer's { tokens, orders, products } are those of the data that every peer has (data.mjs).

const UNIQUE = '@@@@@@@@@@@@'; // load.c replaces it

const keys = (object) => Object.keys(object).sort();
const same = (body) => body;
const shop = ({ kind }) => ['ours', 'php'].includes(kind);
const ours = ({ kind }) => kind === 'ours';
const get = (path, more = {}) => ({ method: 'GET', path, ...more });

const eachProduct = ({ products }, more = {}) => products.map((id) => get(`/api/products/${id}`, more));
const page = (more = {}) => get('/api/products?limit=20', more);

const essenceOfProduct = ({ product_id, category, name, price, ...rest }) => ({ product_id, category, name, price, fields: keys(rest) });
const essenceOfPage = (body) => body.map(essenceOfProduct);
const essenceOfOrder = ({ total_amount, orderItems, ...rest }) => ({
  total_amount, fields: keys(rest),
  items: orderItems?.map(({ product_id, quantity, unit_price, product, ...line }) => ({ product_id, quantity, unit_price, product, fields: keys(line) })),
});

// Two lines of different products, and another user each time: neither stock nor a limit is in the way.
const linesOf = (products, i) => [0, 1].map((line) => products[(2 * i + line) % products.length]);

function orders({ tokens, products }, headers = {}) {
  return tokens.map((token, i) => ({
    method: 'POST', path: '/api/orders', token, headers,
    body: { items: linesOf(products, i).map((product_id, line) => ({ product_id, quantity: line + 1 })) },
  }));
}

// The user and the session of a token.
function actorOf(token) {
  const { sub, sid } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  return [sub, String(sid)];
}

const tagged = (work) => async (peer) => {
  const plain = work(peer);
  return Promise.all(plain.slice(0, 50).map(async (request) => ({ ...request, headers: { 'if-none-match': await peer.tagOf(request) } })));
};

export const WORKS = [
  { name: 'W0', title: 'no database: a path that nothing has', status: 404, quick: true, requests: () => [get('/api/nothing')], essence: ({ code }) => code },
  { name: 'W1', title: 'one product with its category, not cached', status: 200, quick: true, uncached: true, requests: (peer) => eachProduct(peer), essence: essenceOfProduct, family: 'catalogue', values: ({ products }) => products.map((id) => [String(id)]) },
  { name: 'W1c', title: 'the same, cached', status: 200, quick: true, requests: (peer) => eachProduct(peer), essence: essenceOfProduct },
  { name: 'W1t', title: 'the same, cached, signed in', status: 200, of: ours, requests: (peer) => eachProduct(peer, { token: peer.tokens[0] }), essence: essenceOfProduct },
  { name: 'W1n', title: 'the same, cached, unchanged (304)', status: 304, of: shop, requests: tagged((peer) => eachProduct(peer)), essence: same },
  { name: 'W2', title: 'a page of 20 products, not cached', status: 200, quick: true, uncached: true, requests: () => [page()], essence: essenceOfPage, family: 'catalogue', values: () => [[]] },
  { name: 'W2c', title: 'the same, cached', status: 200, quick: true, requests: () => [page()], essence: essenceOfPage },
  { name: 'W2n', title: 'the same, cached, unchanged (304)', status: 304, of: shop, requests: tagged(() => [page()]), essence: same },
  {
    name: 'W3', title: 'an own order with its lines', status: 200, quick: true, essence: essenceOfOrder,
    requests: ({ orders: own }) => own.map(({ token, id }) => get(`/api/orders/${id}`, { token })),
    family: 'orders',
    values: ({ orders: own }) => own.map(({ token, id, row }) => [...actorOf(token), id, String(row)]),
  },
  {
    name: 'W4', title: 'placing an order of 2 lines', status: 201, quick: true, of: shop, essence: essenceOfOrder,
    requests: (peer) => orders(peer),
    family: 'orders',
    values: ({ tokens, products }) => tokens.map((token, i) => [...actorOf(token), ...linesOf(products, i).map(String)]),
  },
  {
    name: 'W4k', title: 'the same with an Idempotency-Key', status: 201, of: shop, essence: essenceOfOrder,
    requests: (peer) => orders(peer, { 'idempotency-key': `bench-${UNIQUE}` }),
  },
];
