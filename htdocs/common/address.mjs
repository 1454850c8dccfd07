// SPDX-License-Identifier: MIT
// Addresses with parameters, for the API and within a page.

// The path with those parameters that have a value.
export function address(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters)
    .filter(([, value]) => value !== null && value !== undefined && value !== ''));
  return `${query}` === '' ? path : `${path}?${query}`;
}

// The position within a page: '#/orders/X1?status=2' is the path 'orders/X1' with a query. It survives a reload.
export function readHash() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  return { path, query: new URLSearchParams(query) };
}

export function hashOf(path, parameters) {
  return `#/${address(path, parameters)}`;
}
