// SPDX-License-Identifier: MIT
// Confirmation dialogs, and a notice when a step is done.

import { h, show } from '../common/dom.mjs';
import { makeForm } from './form.mjs';

// Asks, and performs the step itself, so that errors are shown in the dialog.
// Resolves to true once `save` is done, false when cancelled. See makeForm for fields and save.
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
    // a sent request cannot be cancelled, so wait for its response
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
