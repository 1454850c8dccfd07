// SPDX-License-Identifier: MIT
// Forms: a label for every field, errors next to their field, one submission at a time.

import { messageOf } from '../common/api.mjs';
import { add, h, show } from '../common/dom.mjs';

let made = 0;

// fields: [{ name, label, type, value, required, hint, choices, check, more, aside }]
//   type     of <input>; or 'select' with choices [[value, text]]; or 'textarea'
//   check    (text) => an error text, or null; called only for non-empty values
//   more     further attributes of the control
//   aside    (control) => a node to show below the control
// submit: text of the button. save(values, control): submits; values are trimmed texts, except passwords.
// An ApiError from save() is shown at the field that it names, otherwise below the fields.
export function makeForm({ fields, submit, danger = false, save, buttons = [], id = `form-${made += 1}` }) {
  const parts = fields.map((field) => new Field(`${id}-${field.name}`, field));
  const fault = h('p', { class: 'fault', role: 'alert' });
  const button = h('button', { id: `${id}-submit`, type: 'submit', class: `button ${danger ? 'danger' : 'primary'}` }, submit);
  const form = h('form', { novalidate: true, class: 'form' },
    h('div', { class: 'fields' }, parts.map((part) => part.element)),
    fault,
    h('div', { class: 'buttons' }, button, buttons));

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (form.getAttribute('aria-busy') === 'true') return;
    show(fault);
    const wrong = parts.filter((part) => !part.check());
    if (wrong.length > 0) {
      wrong[0].control.focus();
      return;
    }
    form.setAttribute('aria-busy', 'true');
    button.disabled = true;
    try {
      await save(Object.fromEntries(parts.map((part) => [part.name, part.text])));
    } catch (error) {
      const blamed = parts.find(({ name }) => name === error.field);
      if (blamed) blamed.blame(error.message);
      else show(fault, messageOf(error));
    } finally {
      form.removeAttribute('aria-busy');
      button.disabled = false;
    }
    parts.find((part) => part.isBlamed)?.control.focus();
  });
  return form;
}

// A form above a list. Its id stays the same when the list is rendered again, so that the focus can be restored.
export function makeFilter(options) {
  const form = makeForm({ id: 'filter', ...options });
  form.classList.add('filter');
  return form;
}

// The changed values: only these are sent, so that two users editing one thing don't undo each other's changes.
export function changes(values, before) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== before[name]));
}

export function orNull(text) {
  return text === '' ? null : text;
}

// The API's limits as checks.
export const atMost = (n) => (text) => (Array.from(text).length > n ? `最多 ${n} 个字` : null);

class Field {
  constructor(id, { name, label, type = 'text', value = '', required = false, hint, choices, check, more = {}, aside }) {
    this.name = name;
    this.isSecret = type === 'password';
    this.required = required;
    this.rule = check;
    this.fault = h('p', { class: 'fault', id: `${id}-fault`, 'aria-live': 'polite' });
    const described = hint ? `${id}-hint ${id}-fault` : `${id}-fault`;
    const common = { id, name, 'aria-describedby': described, 'aria-required': required, ...more };
    this.control = makeControl(type, common, choices);
    this.control.value = value ?? '';
    this.control.addEventListener('input', () => this.blame(''));
    this.element = h('div', { class: `field field-${type}` },
      h('label', { for: id }, label, required && h('span', { class: 'required', 'aria-hidden': 'true' }, '*')),
      this.control);
    add(this.element, aside?.(this.control), hint && h('p', { class: 'hint', id: `${id}-hint` }, hint), this.fault);
  }

  get text() {
    return this.isSecret ? this.control.value : this.control.value.trim();
  }

  get isBlamed() {
    return this.control.hasAttribute('aria-invalid');
  }

  check() {
    this.blame(this.text === '' ? (this.required ? '必填' : '') : this.rule?.(this.text) ?? '');
    return !this.isBlamed;
  }

  blame(text) {
    show(this.fault, text);
    if (text) this.control.setAttribute('aria-invalid', 'true');
    else this.control.removeAttribute('aria-invalid');
  }
}

function makeControl(type, attributes, choices) {
  if (type === 'textarea') return h('textarea', { rows: 5, ...attributes });
  if (type === 'select') return h('select', attributes, choices.map(([value, text]) => h('option', { value }, text)));
  return h('input', { type, ...attributes });
}
