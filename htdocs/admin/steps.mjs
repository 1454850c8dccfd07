// SPDX-License-Identifier: MIT
// The possible steps of an order: a button for each, a confirmation, and the API call.

import { newKey } from '../common/api.mjs';
import { h } from '../common/dom.mjs';
import { ask, say } from './dialog.mjs';
import { call } from './session.mjs';

// A step: label and tone of its button; question(order) as ask() takes it; request(order, values) is [method, address, body];
// done: the notice afterwards if the API returns no message; leaves: the order no longer exists then.
export function stepButtons(steps, order, { reload, leave }) {
  const take = async ({ question, request, done, leaves }) => {
    const key = newKey();
    let words = null;
    const taken = await ask({ ...question(order), save: async (values) => {
      const [method, target, body] = request(order, values);
      ({ message: words } = await call(method, target, { body, key }));
    } });
    if (!taken) return;
    say(words ?? done);
    if (leaves) leave();
    else reload();
  };
  return h('div', { class: 'steps' }, steps.map((step) => h('button', {
    type: 'button', class: `button ${step.tone ?? ''}`, on: { click: () => take(step) },
  }, step.label)));
}
