// SPDX-License-Identifier: MIT
// The interfaces of WeChat Pay v3: one row each.
import { FILE_PATH, billFile, tradeBill } from './bill.mjs';
import { Refusal, paramError } from './errors.mjs';
import { close, h5, jsapi, native, queryById, queryByNumber } from './pay.mjs';
import { listCertificates } from './platform.mjs';
import { queryRefund, refund } from './refund.mjs';
import { ALGORITHM_TYPE, BILL, BILL_FILE, CLOSE, H5, JSAPI, MCHID, NATIVE, REFUND } from './rules.mjs';

const PAY = '/v3/pay/transactions';
const REFUNDS = '/v3/refund/domestic/refunds';
const POST = { method: 'POST', query: {} };
const GET = { method: 'GET', query: {} };
const OWN = { mchid: MCHID };

// name: its name in fault switches; path: * is one segment; body: the rule for its body; query: the
// rules of its parameters; handle gets { params, query, body, merchant, state, platform, refundMode, bills,
// now, url, damage }, is synchronous, and returns { status, body, changed, sign? }, or { status, file }.
const routes = [
  { ...POST, name: 'jsapi', path: `${PAY}/jsapi`, body: JSAPI, handle: jsapi },
  { ...POST, name: 'native', path: `${PAY}/native`, body: NATIVE, handle: native },
  { ...POST, name: 'h5', path: `${PAY}/h5`, body: H5, handle: h5 },
  { ...GET, name: 'query', path: `${PAY}/out-trade-no/*`, query: OWN, handle: queryByNumber },
  { ...GET, name: 'query', path: `${PAY}/id/*`, query: OWN, handle: queryById },
  { ...POST, name: 'close', path: `${PAY}/out-trade-no/*/close`, body: CLOSE, handle: close },
  { ...POST, name: 'refund', path: REFUNDS, body: REFUND, handle: refund },
  { ...GET, name: 'refund_query', path: `${REFUNDS}/*`, handle: queryRefund },
  { ...GET, name: 'certificates', path: '/v3/certificates', query: { algorithm_type: ALGORITHM_TYPE }, handle: listCertificates },
  { ...GET, name: 'bill', path: '/v3/bill/tradebill', query: BILL, handle: tradeBill },
  { ...GET, name: 'bill_file', path: FILE_PATH, query: BILL_FILE, handle: billFile },
].map((route) => ({ ...route, path: new RegExp(`^${route.path.replaceAll('*', '([^/]+)')}$`) }));

export function findRoute(method, pathname) {
  const found = routes.filter(({ path }) => path.test(pathname));
  if (found.length === 0) throw new Refusal('RESOURCE_NOT_EXISTS');
  const route = found.find((candidate) => candidate.method === method);
  if (!route) throw new Refusal('METHOD_NOT_ALLOWED');
  try {
    return { route, params: route.path.exec(pathname).slice(1).map(decodeURIComponent) };
  } catch {
    throw new Refusal('RESOURCE_NOT_EXISTS');
  }
}

export function checkQuery(route, query, merchant) {
  const names = [...query.keys()];
  const strange = names.find((name, i) => !Object.hasOwn(route.query, name) || names.indexOf(name) !== i);
  if (strange !== undefined) throw paramError(strange, query.get(strange), 'is not known', 'query');
  for (const [name, rule] of Object.entries(route.query)) {
    if (query.has(name)) rule(query.get(name), { field: name, location: 'query' });
    else if (rule.required) throw paramError(name, '', 'is required', 'query');
  }
  if (route.query.mchid && query.get('mchid') !== merchant.mchid) throw new Refusal('MCH_NOT_EXISTS');
}
