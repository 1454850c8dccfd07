// SPDX-License-Identifier: MIT
// The few pages of a simulator that a person clicks through in a browser: without scripts, on any screen.

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);

const STYLE = 'body{max-width:24rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 sans-serif}'
  + 'button{display:block;width:100%;margin:.5rem 0;padding:.75rem;font:inherit}'
  + 'dt{color:#555}dd{margin:0 0 .5rem;overflow-wrap:anywhere}';

const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

// facts: [name, text] pairs; action: where the buttons post; buttons: [value, text] pairs, sent as `do`.
export function page({ status = 200, title, facts = [], action, buttons = [] }) {
  const list = facts.map(([name, text]) => `<dt>${escape(name)}</dt><dd>${escape(text)}</dd>`).join('\n');
  const form = buttons.map(([value, text]) => `<button name="do" value="${escape(value)}">${escape(text)}</button>`).join('\n');
  const text = `<!DOCTYPE html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<h1>${escape(title)}</h1>
<dl>
${list}
</dl>
${form && `<form method="post" action="${escape(action)}">\n${form}\n</form>`}
</html>
`;
  return { status, type: 'text/html', text, headers: HEADERS };
}

export const redirect = (location) => ({ status: 303, type: 'text/plain', text: '', headers: { Location: location, 'Cache-Control': 'no-store' } });

// What a form of such a page sent.
export const buttonOf = (raw) => new URLSearchParams(raw?.toString() ?? '').get('do');
