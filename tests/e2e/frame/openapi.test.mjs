// SPDX-License-Identifier: MIT
// The check that every response of these tests passes (lib/openapi.mjs) finds mismatches with docs/openapi.json.

import test from 'node:test';
import assert from 'node:assert/strict';
import { faultsOf } from '../lib/openapi.mjs';

const CATEGORY = {
  category_id: 1, name: '茶', description: null, parent_id: null,
  created_at: '2026-11-27T13:09:36.536Z', updated_at: '2026-11-27T13:09:46.372Z',
};
const REFUSAL = { code: 'NOT_FOUND', message: 'x' };

function faults(answer) {
  const { method = 'GET', address = '/api/categories/1', status = 200, type = 'application/json', id = 'x', body = CATEGORY } = answer;
  const text = body === '' ? '' : JSON.stringify(body);
  return faultsOf({ method, address, status, header: (name) => ({ 'content-type': type, 'x-request-id': id })[name], text });
}

const RIGHT = {
  'an object': {},
  'a slash at the end of the path, and a query': { address: '/api/categories/1/?x=1' },
  'a list': { address: '/api/categories', body: [CATEGORY] },
  'a refusal': { status: 404, body: REFUSAL },
  'a response without a body': { method: 'DELETE', status: 204, type: null, body: '' },
  'a response to HEAD': { method: 'HEAD', body: '' },
  'a response of the web server': { id: null, status: 299, body: 1 },
  'an address of no route': { address: '/api/nothing', body: 1 },
};

for (const [name, answer] of Object.entries(RIGHT)) {
  test(`fits: ${name}`, () => assert.deepEqual(faults(answer), []));
}

const WRONG = {
  'a member too many': [{ body: { ...CATEGORY, sort: 1 } }, /must NOT have additional properties/],
  'a member too few': [{ body: { ...CATEGORY, name: undefined } }, /must have required property 'name'/],
  'another type': [{ body: { ...CATEGORY, name: 1 } }, /must be string/],
  'a time that is none': [{ body: { ...CATEGORY, created_at: 'today' } }, /must match format "date-time"/],
  'null where nothing may be null': [{ body: { ...CATEGORY, name: null } }, /must be string/],
  'an object in place of a list': [{ address: '/api/categories' }, /must be array/],
  'a status that is not declared': [{ status: 202 }, /the status 202 is not declared/],
  'a media type that is not declared': [{ type: 'text/html' }, /the media type text\/html is not declared/],
  'a body where none is declared': [{ method: 'DELETE', status: 204 }, /no content is declared/],
  'a code that the status does not have': [{ status: 404, body: { ...REFUSAL, code: 'FORBIDDEN' } }, /must be equal to one of the allowed values/],
  'a refusal in the dialect of others': [{ status: 404, body: { success: false, message: 'x' } }, /must have required property 'code'/],
};

for (const [name, [answer, wanted]] of Object.entries(WRONG)) {
  test(`does not fit: ${name}`, () => assert.match(faults(answer).join('\n'), wanted));
}
