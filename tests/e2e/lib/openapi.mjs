// SPDX-License-Identifier: MIT
// Checks every response that a test receives from a program of ours against docs/openapi.json: its status must be declared,
// its media type and body must fit, and no member may be undeclared. http-client.mjs, raw-request.mjs and browser.mjs call it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';

const require = createRequire(new URL('../../../sandbox/package.json', import.meta.url));
const DOCUMENT = 'openapi';
const SHOWN = 500; // characters of a body that does not fit

let loaded;

// Compiled at the first response, as most of a file's processes never see one.
function load() {
  if (loaded) return loaded;
  const Ajv = require('ajv/dist/2020.js');
  const document = JSON.parse(readFileSync(path.join(checkout, 'docs', 'openapi.json'), 'utf8'));
  const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true, validateSchema: false, schemas: [] });
  require('ajv-formats')(ajv);
  ajv.addVocabulary(Object.keys(document)); // the document is no schema, but has them
  ajv.addSchema(document, DOCUMENT);
  const templates = Object.entries(document.paths).map(([template, item]) => ({
    template, item, segments: template.split('/'), parameters: template.split('{').length,
  })).sort((a, b) => a.parameters - b.parameters); // the literal ones first
  loaded = { ajv, document, templates };
  return loaded;
}

// address: the path with or without its query, also as a whole URL; a slash at its end never matters.
function templateOf(address) {
  const segments = address.replace(/^https?:\/\/[^/]*/, '').split(/[?#]/)[0].replace(/(?<=.)\/$/, '').split('/');
  const fits = (segment, i) => segment.startsWith('{') || segment === decoded(segments[i]);
  return load().templates.find(({ segments: wanted }) => wanted.length === segments.length && wanted.every(fits));
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // badly encoded, so no path of ours
  }
}

// The declared response of a status, and the JSON pointer of its content.
function declared(template, operation, method, status) {
  const { document } = load();
  const key = operation.responses[status] ? String(status) : 'default';
  if (key === 'default' && status < 400) return null;
  const at = ['paths', template, method, 'responses', key];
  const { $ref: reference } = operation.responses[key] ?? {};
  const pointer = reference ? reference.split('/').slice(1) : at;
  const response = pointer.reduce((value, name) => value?.[name], document);
  return response ? { response, pointer } : null;
}

const pointerOf = (names) => `${DOCUMENT}#/${names.map((name) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

// The faults of a response, as texts. header(name): a text, null or undefined. Responses of web servers have no X-Request-Id and
// are not ours; a path or method that no route has is not described.
export function faultsOf({ method, address, status, header, text }) {
  if (!header('x-request-id')) return [];
  const found = templateOf(address);
  const name = (method === 'HEAD' ? 'GET' : method).toLowerCase();
  const operation = found?.item[name];
  if (!operation) return [];
  const of = declared(found.template, operation, name, status);
  if (!of) return [`the status ${status} is not declared`];
  const type = header('content-type')?.split(';')[0];
  const content = Object.entries(of.response.content ?? {});
  if (content.length === 0) return [type, text].filter(Boolean).map((it) => `no content is declared, but there is ${it}`);
  const media = of.response.content[type] ?? of.response.content['*/*'];
  if (!media) return [`the media type ${type} is not declared`];
  if (method === 'HEAD') return [];
  const { schema } = media;
  if (!schema) return [];
  const { ajv } = load();
  const validate = ajv.getSchema(pointerOf([...of.pointer, 'content', type, 'schema']));
  if (validate(type.endsWith('json') ? JSON.parse(text) : text)) return [];
  return [...validate.errors.map(({ instancePath, message, params }) => `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`), text.slice(0, SHOWN)];
}

export function checkAnswer(answer) {
  const faults = faultsOf(answer);
  assert.equal(faults.length, 0, `${answer.method} ${answer.address}: ${answer.status} does not fit docs/openapi.json:\n  ${faults.join('\n  ')}`);
}
