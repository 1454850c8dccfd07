// SPDX-License-Identifier: MIT
// What the providers' bills of a day have in common: which days there are bills of, the links to them, and planted differences.
// A line of a bill is { kind: 'payment' or 'refund', out_trade_no, transaction_id, refund_no, refund_id, fen, state, at_ms, … }.
import { randomBytes } from 'node:crypto';
import { fromRfc3339 } from './clock.mjs';
import { SandboxError } from './errors.mjs';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const READY_MS = DAY_MS + 10 * HOUR_MS; // after the day's beginning
const LINKS_MAX = 1000;

// The beginning of a day in China (yyyy-mm-dd), or null.
export const startOf = (day) => (/^\d{4}-\d\d-\d\d$/.test(day) ? fromRfc3339(`${day}T00:00:00+08:00`) : null);

// Why there is no bill of the day that begins at `start`: 'future' (or today), 'old', 'making'; null: there is one.
export function unavailable(start, now, keptDays) {
  if (start + DAY_MS > now) return 'future';
  if (now - start > (keptDays + 1) * DAY_MS) return 'old';
  return now < start + READY_MS ? 'making' : null;
}

export const within = (start, ms) => ms !== undefined && ms !== null && ms >= start && ms < start + DAY_MS;
export const readyAt = (start) => start + READY_MS;

// Files that can be downloaded for a while.
export class Links {
  #files = new Map();
  #lifeMs;

  constructor(lifeMs) {
    this.#lifeMs = lifeMs;
  }

  add(file, now) {
    const token = randomBytes(24).toString('hex');
    this.#files.set(token, { file, until: now + this.#lifeMs });
    if (this.#files.size > LINKS_MAX) this.#files.delete(this.#files.keys().next().value);
    return token;
  }

  // undefined: there is no such link, or no longer.
  get(token, now) {
    const found = this.#files.get(token);
    return found && now < found.until ? found.file : undefined;
  }
}

const isNumber = (value) => typeof value === 'string' && /^[\x21-\x7e]{1,64}$/.test(value);
const isFen = (value) => Number.isSafeInteger(value) && value >= 1;
const isWord = (value) => typeof value === 'string' && /^[^,`\p{Cc}]{1,32}$/u.test(value);
const map = (valid) => (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
  && Object.entries(value).every(([number, content]) => isNumber(number) && valid(content));

function isExtra(value) {
  const { kind, out_trade_no: no, transaction_id: id, refund_no: refundNo, refund_id: refundId, fen, state, at, ...rest } = value ?? {};
  return Object.keys(rest).length === 0 && ['payment', 'refund'].includes(kind) && isNumber(no) && isFen(fen)
    && [id, refundNo, refundId].every((number) => number === undefined || isNumber(number))
    && (kind === 'payment' || isNumber(refundNo)) && (state === undefined || isWord(state)) && (at === undefined || fromRfc3339(at) !== null);
}

const MEMBERS = {
  missing: [(value) => Array.isArray(value) && value.every(isNumber), 'a list of numbers'],
  amount: [map(isFen), 'an object of fen by number'],
  state: [map(isWord), 'an object of states by number'],
  extra: [(value) => Array.isArray(value) && value.every(isExtra), 'a list of { kind, out_trade_no, fen, … }'],
};

// Differences between all bills from now on and what happened; {} ends them. A number is a refund's or, for payments, an
// out_trade_no. The bills stay consistent in themselves: their totals are those of their lines.
export function readPlan(body) {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(MEMBERS, name)) throw new SandboxError(400, `unknown member ${name}: one of ${Object.keys(MEMBERS).join(' ')}`);
    const [valid, meaning] = MEMBERS[name];
    if (!valid(value)) throw new SandboxError(400, `${name} must be ${meaning}`);
  }
  return { missing: [], amount: {}, state: {}, extra: [], ...body };
}

const numberOf = (line) => (line.kind === 'refund' ? line.refund_no : line.out_trade_no);

// The lines with the planned differences, by time. added: (line) -> what an extra line of the provider has in addition.
export function applyPlan(lines, plan, start, added) {
  const changed = lines.filter((line) => !plan.missing.includes(numberOf(line))).map((line) => ({
    ...line,
    fen: plan.amount[numberOf(line)] ?? line.fen,
    state: plan.state[numberOf(line)] ?? line.state,
  }));
  const extra = plan.extra.map(({ at, ...line }) => {
    const ms = at === undefined ? start + 12 * HOUR_MS : fromRfc3339(at);
    return { ...added(line, ms), ...line, at_ms: ms };
  }).filter(({ at_ms: ms }) => within(start, ms));
  return [...changed, ...extra].sort((a, b) => a.at_ms - b.at_ms);
}
