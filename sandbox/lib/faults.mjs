// SPDX-License-Identifier: MIT
// Fault switches: responses of a slow, broken or forged provider, on demand.
import { SandboxError } from './errors.mjs';

const QUEUE_MAX = 100;
const TIMES_MAX = 100_000;
const DELAY_MS_MAX = 120_000;
const HUGE_BYTES = 70_000;

const gatewayError = () => (
  { status: 502, type: 'text/html', text: '<html><h1>502 Bad Gateway</h1></html>', signed: false });

// A fault of the body needs a body: a 204 becomes a 200.
const onText = (change) => (reply) => ({
  ...reply,
  status: reply.status === 204 ? 200 : reply.status,
  text: change(reply.text || '{"result":"ok"}'),
});

// A change of a successful answer's JSON; a refusal stays as it is.
export const onMember = (change) => (reply) => {
  if (reply.status !== 200) return reply;
  const body = JSON.parse(reply.text);
  change(body);
  return { ...reply, text: JSON.stringify(body) };
};

const html = (reply) => ({ ...onText(() => '<html><body>系统维护中</body></html>')(reply), type: 'text/html' });
// A member more, and the bytes before it as they were: they may be signed.
const padded = onText((text) => `${text.slice(0, -1)},"padding":"${'x'.repeat(HUGE_BYTES)}"}`);

// The ways in which any provider's answer can be broken, on these interfaces.
export const brokenAnswers = (on) => ({
  status_502: { on, instead: gatewayError },
  hang: { on, instead: () => ({ hang: true }) },
  late: { on, after: (reply) => reply },
  drop_after: { on, after: (reply) => ({ ...reply, drop: true }) },
  truncated: { on, after: (reply) => ({ ...onText((text) => text)(reply), cut: true }) },
  not_json: { on, after: html },
  huge: { on, after: padded },
});

// What can happen to a notification on its way.
export const lostNotices = {
  lost: { on: ['notify'], copies: 0 },
  twice: { on: ['notify'], copies: 2 },
};

function whole(value, name, min, max, fallback) {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new SandboxError(400, `${name} must be an integer from ${min} to ${max}`);
  }
  return value;
}

// Faults are queued in the order in which they were switched on; each call of their interface uses one.
// faults: the provider's table, a row of which has
//   on       the interfaces on which the fault is possible
//   instead  makes a response without doing the work
//   after    changes the correct response, with the work done
// and anything else that the provider's own code reads.
export class FaultSwitches {
  #faults;
  #interfaces;
  #queue = [];
  #patience = new AbortController(); // aborts the waits of calls delayed by a fault

  constructor(faults) {
    this.#faults = faults;
    this.#interfaces = [...new Set(Object.values(faults).flatMap((fault) => fault.on))];
  }

  add({ on, fault, times, delay_ms: delayMs, ...rest }) {
    const extra = Object.keys(rest);
    if (extra.length > 0) throw new SandboxError(400, `unknown member ${extra[0]}: on, fault, times, delay_ms`);
    if (!this.#interfaces.includes(on)) throw new SandboxError(400, `unknown on: one of ${this.#interfaces.join(' ')}`);
    if (typeof fault !== 'string' || !Object.hasOwn(this.#faults, fault)) {
      throw new SandboxError(400, `unknown fault: one of ${Object.keys(this.#faults).join(' ')}`);
    }
    if (!this.#faults[fault].on.includes(on)) {
      throw new SandboxError(400, `${fault} is possible on ${this.#faults[fault].on.join(' ')} only`);
    }
    const entry = {
      on,
      fault,
      times: whole(times, 'times', 1, TIMES_MAX, 1),
      delay_ms: whole(delayMs, 'delay_ms', fault === 'late' ? 1 : 0, DELAY_MS_MAX, 0),
    };
    if (fault === 'late' && entry.delay_ms === 0) throw new SandboxError(400, 'late needs delay_ms');
    if (this.#queue.length === QUEUE_MAX) throw new SandboxError(400, `at most ${QUEUE_MAX} faults at a time`);
    this.#queue.push(entry);
  }

  list() {
    return this.#queue.map((entry) => ({ ...entry }));
  }

  // Ends the delays of waiting calls at once, so that a test need not guess how long they must be.
  clear() {
    this.#queue = [];
    this.#patience.abort();
    this.#patience = new AbortController();
  }

  // Takes the next fault for this call of an interface; an empty one if none is switched on.
  take(on) {
    const entry = this.#queue.find((candidate) => candidate.on === on);
    if (!entry) return { delayMs: 0 };
    entry.times -= 1;
    if (entry.times === 0) this.#queue.splice(this.#queue.indexOf(entry), 1);
    return { ...this.#faults[entry.fault], delayMs: entry.delay_ms, cleared: this.#patience.signal };
  }
}
