// SPDX-License-Identifier: MIT
// Helpers of the tests of members, their levels and points.

import assert from 'node:assert/strict';

export const SYSTEM = '/api/v1/member-system';

// The audit's rules about members, each of which a file in tests/e2e/loyalty violates once.
export const MEMBER_RULES = ['figures about members are what they count', "a member's level is the higher of earned and given"];
export const LOYALTY_RULES = [...MEMBER_RULES];

// A service token of another system.
export async function serviceToken(shop, name = 'till') {
  const { code, stdout, stderr } = await shop.minimall(['issue-token', '--system', name]);
  assert.equal(code, 0, stderr);
  shop.canary(stdout.trim());
  return stdout.trim();
}
