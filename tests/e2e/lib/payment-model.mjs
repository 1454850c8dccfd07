// SPDX-License-Identifier: MIT
// How a payment must end by docs/spec/behaviour.md, as pure functions of what happened to it: one order, one attempt, one
// provider. Written from the rules, not from the C code, which the tests compare with it.
//
//   const s = begin({ kind: 'order', can: { query, close, refund }, fen: 1000, opened: true });
//   const accepted = EVENTS.pay(s);             // each returns whether it is accepted, where that is seen
//   pass(s);                                    // `minimall jobs`, until nothing is due
//
// Of events at the same time any order is right: a test follows all states that are possible so far (advance()).
//
// kind: 'order' (of one item, of which there is one) or 'membership'. can: what the provider can be asked (payments.md 9.3).
// opened: the provider has a trade from the start; otherwise only once the payer opens the page, if it is still good then.

import { permutations } from './sequences.mjs';

const LIVE = ['PENDING', 'PAID', 'REFUNDING'];
export const SETTLED = ['granted', 'grantedLate', 'refundDue', 'refunded'];
export const PART_FEN = 100;

export function begin({ kind, can, fen, opened, expires = true }) {
  return {
    kind, can, fen, opened,
    expires, // the provider's trade ends with the order's deadline
    order: 'PENDING',
    by: null, // 'provider', 'other'
    attempt: 'open',
    there: 'unpaid', // at the provider: 'unpaid', 'paid', 'closed'
    overdue: false, // the deadline and the minutes after it have passed (20)
    removed: false, // the order, or the membership's user, was deleted
    free: false, // the item can be bought by another; of a membership: nothing
    rival: false, // another has bought it; of a membership: the user has another membership since
    refunds: [], // { fen, automatic, at: 'us', 'provider', 'done' }
  };
}

// Both before settlement: the money was there, and went back elsewhere (62).
const isAllBack = (s) => s.refunds.some(({ elsewhere }) => elsewhere);
const isSettled = (s) => SETTLED.includes(s.attempt);
const restOf = (s) => s.fen - s.refunds.reduce((sum, { fen }) => sum + fen, 0);
const closedThere = (s) => s.there === 'closed' || (s.there === 'unpaid' && s.overdue && s.expires);

// ---- settlement (36 to 38) ----

function refuse(s) {
  s.attempt = 'refundDue';
  s.refunds.push({ fen: s.fen, automatic: true, at: 'us' });
  if (s.kind === 'membership' && s.order === 'PENDING') s.order = 'CANCELLED';
}

function grant(s, late) {
  s.order = 'PAID';
  s.by = 'provider';
  s.attempt = late ? 'grantedLate' : 'granted';
}

function settle(s) {
  if (isSettled(s)) return;
  if (isAllBack(s)) {
    s.attempt = 'refunded';
    return;
  }
  const paid = ['PAID', 'REFUNDING', 'REFUNDED'].includes(s.order);
  if (paid || s.removed) refuse(s);
  else if (s.kind === 'membership') {
    if (s.rival) refuse(s); // the quote is not valid any more
    else grant(s, s.order !== 'PENDING' || s.overdue);
  } else if (s.order === 'PENDING') grant(s, false);
  else if (s.free) {
    s.free = false;
    grant(s, true);
  } else refuse(s);
}

// ---- orders ----

function end(s, status) {
  if (s.kind === 'order' && s.order !== 'CANCELLED') s.free = true;
  s.order = status;
}

const payable = (s) => s.order === 'PENDING' && !s.removed && !(s.kind === 'membership' && s.overdue);

function finishRefund(s, refund) {
  refund.at = 'done';
  if (refund.automatic) s.attempt = 'refunded';
  else if (restOf(s) === 0 && s.refunds.every(({ at }) => at === 'done')) end(s, 'REFUNDED');
}

// What an administrator asks for: back to where it came from, or in person.
function refundOrder(s, fen) {
  if (s.removed) return false;
  if (s.by === 'other' && s.order === 'REFUNDED') return fen === null; // nothing changes (18)
  if (s.order !== 'PAID') return false;
  if (s.by === 'other') {
    if (fen !== null) return false;
    end(s, 'REFUNDED');
    return true;
  }
  const amount = fen ?? restOf(s);
  if (!s.can.refund || amount < 1 || amount > restOf(s)) return false;
  s.refunds.push({ fen: amount, automatic: false, at: 'provider' });
  return true;
}

function refundMembership(s) {
  if (['REFUNDING', 'REFUNDED'].includes(s.order)) return true;
  if (s.order !== 'PAID') return false;
  if (s.by === 'other') {
    s.order = 'REFUNDED';
    return true;
  }
  if (!s.can.refund) return false;
  s.order = 'REFUNDING';
  s.refunds.push({ fen: s.fen, automatic: false, at: 'us' });
  return true;
}

// ---- what happens ----

export const EVENTS = {
  // The payer pays, possibly in the moment in which the provider's trade is closed.
  pay(s) {
    if (!s.opened) s.opened = !(s.expires && s.overdue);
    if (!s.opened) return false;
    s.there = 'paid';
    return true;
  },
  // The provider's notification is delivered, if there is one.
  notify(s) {
    if (s.there === 'paid') settle(s);
    return true;
  },
  twice: (s) => EVENTS.notify(s),
  // A provider that can't be asked reports that nothing was paid (42).
  fail(s) {
    if (s.can.query || !s.opened || s.there === 'paid') return true;
    s.there = 'closed';
    if (s.attempt === 'open') s.attempt = 'closed';
    return true;
  },
  forged: () => false,
  // The client asks for the payment's status (44).
  query(s) {
    if (s.removed) return false;
    if (s.attempt === 'open') ask(s);
    return true;
  },
  cancel(s) {
    if (!payable(s)) return false;
    end(s, 'CANCELLED');
    return true;
  },
  // Paid offline; of a membership: by a simulated payment.
  other(s) {
    if (s.kind === 'order' && !s.removed && s.order === 'PAID' && s.by === 'other') return true; // nothing changes (18)
    if (!payable(s)) return false;
    s.order = 'PAID';
    s.by = 'other';
    return true;
  },
  refund: (s) => (s.kind === 'order' ? refundOrder(s, null) : refundMembership(s)),
  part: (s) => refundOrder(s, PART_FEN),
  // The provider completes the refunds that it was asked for, and notifies.
  refunded(s) {
    for (const refund of s.refunds) if (refund.at === 'provider') finishRefund(s, refund);
    return true;
  },
  // Everything is refunded in the provider's console, which notifies of it (62).
  console(s) {
    s.refunds.push({ fen: s.fen, automatic: false, at: 'done', elsewhere: true });
    if (s.attempt === 'granted' || s.attempt === 'grantedLate') end(s, 'REFUNDED');
    return true;
  },
  // Another buys what the order doesn't hold any more.
  rival(s) {
    if (!canRival(s)) return false;
    if (s.kind === 'order') s.free = false;
    else if (s.order === 'PENDING') s.order = 'EXPIRED';
    s.rival = true;
    return true;
  },
  remove(s) {
    if (s.removed || ['PAID', 'REFUNDING'].includes(s.order) || (s.kind === 'membership' && s.rival)) return false;
    if (s.order === 'PENDING') end(s, 'CANCELLED');
    s.removed = true;
    return true;
  },
};

function canRival(s) {
  if (s.kind === 'order') return s.free;
  return !s.removed && !(LIVE.includes(s.order) && !(s.order === 'PENDING' && s.overdue));
}

// Where an event has no sense, or one that isn't this payment's.
const POSSIBLE = {
  rival: canRival,
  console: (s) => s.can.refund && s.there === 'paid' && s.refunds.length === 0,
};
export const isPossible = (s, event) => POSSIBLE[event]?.(s) ?? true;

const distinct = (states) => [...new Map(states.map((s) => [JSON.stringify(s), s])).values()];

// The states after an event that was accepted or not, as it was seen; null: there was no answer, so it happened or didn't.
function afterEvent(state, event, accepted, disturbed) {
  const s = structuredClone(state);
  const happened = EVENTS[event](s);
  if (accepted !== null && happened !== accepted) return [];
  const doubts = disturbed && happened ? IN_DOUBT[event]?.(state, s) ?? [] : [];
  return [s, ...doubts, ...(accepted === null ? [state] : [])];
}

// What an accepted event may have come to if the provider's answer was lost.
const IN_DOUBT = {
  query: (before) => [before],
  refund: (_, after) => [withheld(after)],
  part: (_, after) => [withheld(after)],
};

// The refund was not asked for yet.
function withheld(state) {
  const s = structuredClone(state);
  const last = s.refunds.at(-1);
  if (last?.at === 'provider') last.at = 'us';
  return s;
}

// Plays events that happen at the same time, in any order: of the possible states, those after them in which each is accepted
// as it was. accepted: by event. disturbed: the provider's answers may be lost.
export function advance(states, events, accepted, { disturbed = false } = {}) {
  return distinct(states.flatMap((state) => permutations(events).flatMap((order) => order.reduce(
    (now, event) => now.flatMap((s) => afterEvent(s, event, accepted[event], disturbed)), [state]))));
}

// The provider is asked about the attempt (20, 44).
function ask(s) {
  if (!s.can.query || !s.opened) {
    if (s.overdue) s.attempt = 'closed';
  } else if (s.there === 'paid') settle(s);
  else if (closedThere(s)) s.attempt = 'closed';
}

// What a pass of jobs does to a payment, in this order (20, 37).
const STEPS = [
  (s) => { if (s.kind === 'membership' && s.order === 'PENDING' && s.overdue) s.order = 'EXPIRED'; },
  (s) => { if (s.attempt === 'open') ask(s); },
  (s) => { if (!isSettled(s) && isAllBack(s)) settle(s); },
  (s) => {
    if (s.attempt !== 'open' || (s.order === 'PENDING' && !s.overdue) || !s.can.close || !s.opened) return;
    s.there = s.there === 'paid' ? 'paid' : 'closed';
    if (s.there === 'closed') s.attempt = 'closed';
  },
  (s) => { if (s.kind === 'order' && s.order === 'PENDING' && s.overdue && s.attempt !== 'open') end(s, 'CANCELLED'); },
  (s) => { for (const refund of s.refunds) if (refund.at === 'us' && s.can.refund) refund.at = 'provider'; },
];

export function pass(s) {
  for (const step of STEPS) step(s);
}

// What states a pass may leave in which any step may fail.
export function passes(states) {
  return STEPS.reduce((now, step) => distinct(now.flatMap((state) => {
    const s = structuredClone(state);
    step(s);
    return [state, s];
  })), states);
}

// In the end the provider has notified of every success, and every refund is completed, if need be by a person.
export function finish(s) {
  s.overdue = true;
  pass(s);
  EVENTS.notify(s);
  pass(s);
  for (const refund of s.refunds) if (refund.at !== 'done') finishRefund(s, refund);
}

// What is compared.
export const resultOf = (s) => ({
  order: s.order,
  by: s.by,
  attempt: s.attempt,
  refunded: s.refunds.reduce((sum, { fen }) => sum + fen, 0),
  ...(s.kind === 'order' && { stock: s.free ? 1 : 0 }),
});

// What must hold at the end of whatever happened (36 to 38, 43): the names of what does not.
export function violations(s) {
  const ends = { granted: s.attempt === 'granted', 'granted late': s.attempt === 'grantedLate', refunded: s.attempt === 'refunded' };
  const count = Object.values(ends).filter(Boolean).length;
  const given = resultOf(s).refunded;
  return [
    s.there === 'paid' && count !== 1 && 'exactly one of granted, granted late, refunded',
    s.there !== 'paid' && s.attempt !== 'closed' && 'without money there is nothing to grant or refund',
    given > (s.there === 'paid' ? s.fen : 0) && 'refunds are at most what was paid',
    ends.refunded && given !== s.fen && 'what is not granted is refunded in full',
    s.order === 'PENDING' && 'nothing waits for ever',
  ].filter(Boolean);
}
