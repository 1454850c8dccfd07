// SPDX-License-Identifier: MIT
// Helpers of the tests of members, their levels and points.

import assert from 'node:assert/strict';

export const SYSTEM = '/api/v1/member-system';

// The audit's rules about members, each of which a file in tests/e2e/loyalty violates once.
export const MEMBER_RULES = ['figures about members are what they count', "a member's level is the higher of earned and given",
  "a member's earned level is that of its points"];
export const POINTS_RULES = [
  'kept points are the sum of the ledger', "kept points are in the member's lots", 'a debt is covered by free points', 'points are of an account',
  "an account of points is a member's", 'figures about points are what the accounts add up to', 'each balance_after of points is correct in sequence',
  'a row of points is the sum of its changes of lots', 'a lot of points is the sum of its changes', "a row of points changes its member's lots",
  'points come back of a use, or are taken back of what was earned', 'no more points come back than were used or earned',
  'points are earned for a source, into a lot', 'what a lot holds is held', 'a hold of points is the sum of its lots', 'a posted hold is a use of points',
];
// And those about the points that orders use and earn.
export const REWARD_RULES = [
  "an order's points are held or used as its status says", 'points are held for an order of their member', 'an order earns points for its buyer',
  'a refund takes back and returns its share of the points', 'a paid order is counted', 'total_spent is the sum of the orders',
];
export const LOYALTY_RULES = [...MEMBER_RULES, ...POINTS_RULES, ...REWARD_RULES];

// A service token of another system.
export async function serviceToken(shop, name = 'till') {
  const { code, stdout, stderr } = await shop.minimall(['issue-token', '--system', name]);
  assert.equal(code, 0, stderr);
  shop.canary(stdout.trim());
  return stdout.trim();
}

// Members with points, through the routes of the contract.
export class Points {
  #sources = 0;

  // token: of another system
  constructor(shop, token) {
    this.shop = shop;
    this.token = token;
  }

  // A new member who has earned points, if any.
  async member(name, points = 0) {
    const member = await this.shop.login(name);
    if (points > 0) assert.equal((await this.earn(member, points)).status, 201);
    return member;
  }

  // By default for a source of its own, by the system. Options: fields of the body, token, headers.
  earn({ user }, points, { token = this.token, headers, ...more } = {}) {
    this.#sources += 1;
    return this.#post('earn', token, headers, { user_id: user.user_id, points, source_type: 'test', source_id: `${process.pid}-${user.user_id}-${this.#sources}`, ...more });
  }

  // By default by the member itself.
  use(member, points, { token = member.token, headers, ...more } = {}) {
    const user = token === member.token ? {} : { user_id: member.user.user_id };
    return this.#post('use', token, headers, { ...user, points, usage_type: 'test', reference_id: 'U1', ...more });
  }

  #post(what, token, headers, body) {
    return this.shop.call('POST', `${SYSTEM}/points/${what}`, { token, headers, body });
  }

  async balance({ token }) {
    return (await this.shop.ok('GET', `${SYSTEM}/points/balance`, { token })).data;
  }
}

// All rows of a list, page by page.
export async function pagesOf(shop, address, options) {
  const rows = [];
  for (let next = address; next !== undefined;) {
    const { status, headers, body } = await shop.call('GET', next, options);
    assert.equal(status, 200, `${next}: ${JSON.stringify(body)}`);
    rows.push(...body.data);
    next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
  }
  return rows;
}
