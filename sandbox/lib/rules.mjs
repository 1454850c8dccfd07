// SPDX-License-Identifier: MIT
// Tables of rules for what a provider accepts, checked strictly.
// A rule is a function (value, at) that calls refuse(at, value, issue, kind), which throws; at = { field, … };
// kind: "unknown" (also null), "missing", or undefined.
import { isLoopback } from './deliver.mjs';

const DEPTH_MAX = 16;

export const required = (rule) => Object.assign((value, at) => rule(value, at), { required: true });

export function makeRules(refuse) {
  const text = (max, pattern = null) => (value, at) => {
    if (typeof value !== 'string') refuse(at, value, 'must be a string');
    const length = [...value].length;
    if (length === 0 || length > max) refuse(at, value, `must have 1 to ${max} characters`);
    if (/\p{Cc}|\p{Surrogate}/u.test(value)) refuse(at, value, 'must not hold control characters');
    if (pattern && !pattern.test(value)) refuse(at, value, `must match ${pattern.source}`);
  };

  const integer = (min, max) => (value, at) => {
    if (!Number.isSafeInteger(value)) refuse(at, value, 'must be an integer');
    if (value < min || value > max) refuse(at, value, `must be ${min} to ${max}`);
  };

  const boolean = (value, at) => {
    if (typeof value !== 'boolean') refuse(at, value, 'must be true or false');
  };

  const list = (max, rule) => (value, at) => {
    if (!Array.isArray(value) || value.length > max) refuse(at, value, `must be an array of at most ${max}`);
    value.forEach((item, i) => rule(item, { ...at, field: `${at.field}/${i}` }));
  };

  const object = (members) => (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(at, value, 'must be an object');
    for (const [name, inner] of Object.entries(value)) {
      const here = { ...at, field: `${at.field}/${name}` };
      if (!Object.hasOwn(members, name)) refuse(here, inner, 'is not known', 'unknown');
      if (inner === null) refuse(here, inner, 'must not be null', 'unknown');
      members[name](inner, here);
    }
    for (const [name, rule] of Object.entries(members)) {
      if (rule.required && !Object.hasOwn(value, name)) {
        refuse({ ...at, field: `${at.field}/${name}` }, '', 'is required', 'missing');
      }
    }
  };

  // query: false: a query is refused too.
  const address = (max, { query = false } = {}) => (value, at) => {
    text(max, /^[\x21-\x7e]+$/)(value, at);
    let url;
    try {
      url = new URL(value);
    } catch {
      refuse(at, value, 'must be an absolute address');
    }
    if (/#/.test(value) || (!query && /\?/.test(value))) refuse(at, value, `must have ${query ? '' : 'no query and '}no fragment`);
    if (url.username || url.password) refuse(at, value, 'must have no user information');
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
      refuse(at, value, 'must be https'); // plain http is for a shop on this machine
    }
  };

  return { address, boolean, integer, list, object, text };
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

// What JSON.parse accepts and a provider's typed decoder does not: a duplicate member, a number
// with a fraction or an exponent (1.0 is not a number of fen), unlimited nesting.
function inspect(source, refuse) {
  const open = []; // an object: { names, name, atName }; an array: {}
  const field = () => open.map((o) => (o.names ? `/${o.name}` : '')).join('');
  const fail = (issue) => refuse(field(), issue);
  for (const [token] of source.matchAll(TOKEN)) {
    const top = open.at(-1);
    if (token === '{' || token === '[') {
      open.push(token === '{' ? { names: new Set(), name: '', atName: true } : {});
      if (open.length > DEPTH_MAX) fail('is nested too deeply');
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ',' || token === ':') {
      top.atName = token === ',';
    } else if (top?.names && top.atName) {
      top.name = JSON.parse(token);
      if (top.names.has(top.name)) fail('is given twice');
      top.names.add(top.name);
    } else if (/^-?\d/.test(token) && !/^-?(0|[1-9]\d*)$/.test(token)) {
      fail('must be an integer');
    }
  }
}

// The value of strict JSON in UTF-8; refuse(field, issue) throws.
export function parseJson(raw, refuse) {
  let source;
  let value;
  try {
    source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
    value = JSON.parse(source);
  } catch {
    refuse('', 'is not JSON in UTF-8');
  }
  inspect(source, refuse);
  return value;
}
