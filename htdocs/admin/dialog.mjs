// SPDX-License-Identifier: MIT
// Questions before a step is taken, and a word when it has been.

import { h, show } from '../common/dom.mjs';
import { makeForm } from './form.mjs';

// Asks, and takes the step itself, so that what goes wrong is said where it was asked.
// Answers true once `save` is done, false when the step was given up. See makeForm for fields and save.
export function ask({ title, text, fields = [], submit, danger = false, save }) {
  return new Promise((resolve) => {
    let done = false;
    const close = h('button', { type: 'button', class: 'button', on: { click: () => isBusy() || dialog.close() } }, '返回');
    const form = makeForm({
      fields, submit, danger, buttons: [close],
      save: async (values) => {
        await save(values);
        done = true;
        dialog.close();
      },
    });
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' },
      h('h2', { id: 'dialog-title' }, title),
      text && h('p', { class: 'dialog-text' }, text),
      form);
    // what has been sent cannot be called back, so its answer is waited for
    const isBusy = () => form.getAttribute('aria-busy') === 'true';
    dialog.addEventListener('cancel', (event) => { if (isBusy()) event.preventDefault(); });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
    if (fields.length === 0) close.focus();
  });
}

export function closeDialogs() {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
}

let fading;

export function say(text) {
  const place = document.getElementById('said');
  clearTimeout(fading);
  show(place, h('p', {}, text));
  fading = setTimeout(() => show(place), 6000);
}
