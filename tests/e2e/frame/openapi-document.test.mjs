// SPDX-License-Identifier: MIT
// docs/openapi.json is a valid OpenAPI 3.1 document of exactly the routes. That it equals what the programs print is checked
// by `lint openapi`.

import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';
import { binDir } from '../lib/harness.mjs';

const { resolve: locate } = createRequire(new URL('../../../sandbox/package.json', import.meta.url));
const { Validator } = await import(locate('@seriousme/openapi-schema-validator'));

const file = path.join(checkout, 'docs', 'openapi.json');
const doc = JSON.parse(readFileSync(file, 'utf8'));
const operations = Object.entries(doc.paths).flatMap(([address, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ address, method, operation, words: `${method} ${address}` })));

const resolve = (value) => (value.$ref ? value.$ref.slice(2).split('/').reduce((at, name) => at[name], doc) : value);

test('it is a valid OpenAPI 3.1 document', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(file);
  assert.ok(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, '3.1');
});

test('its operations are the routes, with their roles', () => {
  const programs = readdirSync(path.join(checkout, 'cgi-bin')).filter((name) => name.endsWith('.c')).map((name) => path.parse(name).name);
  const routes = programs.flatMap((name) => execFileSync(path.join(binDir, `${name}.fcgi`), ['--routes'], { encoding: 'utf8', env: {} })
    .split('\n').filter(Boolean).map((line) => line.split(/ +/).slice(0, 3).join(' ')));
  assert.deepEqual(operations.map(({ address, method, operation }) =>
    `${method.toUpperCase()} ${address.replaceAll(/\{(\w+)\}/g, ':$1')} ${operation['x-role']}`).sort(), routes.sort());
});

test('each operation has a unique id and a summary', () => {
  const names = operations.map(({ operation }) => operation.operationId);
  assert.deepEqual([...new Set(names)], names);
  for (const { operation, words } of operations) assert.ok(operation.summary.length > 5, words);
});

test('each parameter of a path is declared', () => {
  for (const { address, operation, words } of operations) {
    const declared = operation.parameters.map(resolve).filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    assert.deepEqual(declared, [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name), words);
  }
});

test('a token is required where a role needs one, with its error responses', () => {
  for (const { operation, words } of operations) {
    const needed = !['public', 'provider'].includes(operation['x-role']);
    assert.equal(operation.security.length > 0 && operation.security.every((way) => 'bearer' in way), needed, words);
    if (needed) assert.ok(operation.responses[401] && operation.responses[403], words);
  }
});

test('responses have no member that isn\'t declared', () => {
  const open = [];
  const walk = (schema, at) => {
    for (const [name, property] of Object.entries(schema.properties ?? {})) walk(property, `${at}.${name}`);
    if (schema.items) walk(schema.items, `${at}[]`);
    if (schema.properties && schema.additionalProperties !== false) open.push(at);
  };
  for (const { operation, words } of operations) {
    const [status] = Object.keys(operation.responses);
    for (const { schema } of Object.values(operation.responses[status].content ?? {})) {
      if (schema) walk(schema, words);
    }
  }
  for (const [name, schema] of Object.entries(doc.components.schemas)) if (!name.endsWith('Request')) walk(schema, name);
  assert.deepEqual(open, []);
});

test('errors have the codes of their status, in each dialect', () => {
  const codes = (name, ...at) => [...at, 'properties', 'code', 'enum'].reduce((value, key) => value[key], doc.components.responses[name].content['application/json'].schema.allOf[1]);
  assert.deepEqual(codes('Shop404'), ['NOT_FOUND', 'PRODUCT_NOT_FOUND', 'MEMBER_NOT_FOUND']);
  assert.deepEqual(codes('MembershipOrders422'), ['VALIDATION_ERROR']);
  assert.match(doc.components.responses.MembershipOrders422.description, /^- `PLAN_LEVEL_LOWER`: \p{Script=Han}/mu);
  assert.ok(!('MembershipOrders409' in doc.components.responses));
  assert.deepEqual(doc.components.schemas.WeChatError.properties.code.enum, ['FAIL']);
});
