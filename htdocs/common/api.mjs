// SPDX-License-Identifier: MIT
// The only module that calls the shop's API.

// status 0: no response. field: the member of the request that the error names, or null.
export class ApiError extends Error {
  constructor(message, { status = 0, code = null, field = null } = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

// The message for users. A fault of these pages must not look like a response of the shop.
export function messageOf(error) {
  if (error instanceof ApiError) return error.message;
  console.error(error);
  return '页面出错了，请刷新后重试。';
}

// One request. Resolves to { body, next, message, pagination }: the JSON body (null when empty); the address of the list's
// next page; the API's message; of a list with numbered pages { total, page, page_size }. What is absent is null.
// key: an Idempotency-Key, the same for every try of one operation.
// Fails with an ApiError whose message is for users; with an AbortError when `signal` is aborted.
export async function send(method, target, { token, body, key, signal } = {}) {
  let response;
  let text;
  try {
    response = await fetch(target, {
      method,
      signal,
      credentials: 'omit',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(key ? { 'idempotency-key': key } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('连接不上服务器，请检查网络后重试。');
  }
  const answer = parsed(text);
  if (!response.ok) throw refusal(response, answer);
  if (text !== '' && answer === null) throw new ApiError('服务器的回答无法识别，请稍后重试。', { status: response.status });
  return { ...opened(answer), next: nextPage(response.headers.get('link')) };
}

// A unique key; crypto.randomUUID() is not available on plain HTTP.
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Every row of a list; `load` gets the address of one page and returns what send() does.
export async function everyRow(load, first) {
  const rows = [];
  for (let page = first; page !== null;) {
    const { body, next } = await load(page);
    rows.push(...body);
    page = next;
  }
  return rows;
}

function parsed(text) {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

// Parts of the API wrap their answers: { success, code, data, message, meta: { pagination } }, or { data } alone.
function opened(answer) {
  const wrapped = answer !== null && typeof answer === 'object' && 'data' in answer && (typeof answer.success === 'boolean' || Object.keys(answer).length === 1);
  return wrapped ? { body: answer.data, message: answer.message ?? null, pagination: answer.meta?.pagination ?? null }
    : { body: answer, message: null, pagination: null };
}

// The response's message, without the field name at its end, which is for programs.
function refusal(response, answer) {
  const said = answer?.error ? { ...answer.error.details, ...answer.error } : answer ?? {};
  const { message = `服务器出错（${response.status}），请稍后重试。`, code, field = null } = said;
  const words = field && message.endsWith(`: ${field}`) ? message.slice(0, -field.length - 2) : message;
  return new ApiError(words, { status: response.status, code, field });
}

function nextPage(link) {
  return /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1] ?? null;
}
