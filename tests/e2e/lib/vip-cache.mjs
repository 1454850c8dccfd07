// SPDX-License-Identifier: MIT
// Shops whose processes cache the status of memberships, shown by editing rows directly: what is cached stays as it was.
//
//   const cache = await openVipCache({ redis: true });       // options of openShop()
//   const anna = await cache.cached();                       // 30 days by the cache, 40 by the database
//   assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));

import { STATUS, openVip } from './memberships.mjs';
import { askProcess, processSockets } from './raw-request.mjs';

export async function openVipCache(options) {
  const vip = await openVip({ own: true, families: ['login', 'memberships', 'notify', 'payments', 'system', 'users'], ...options });
  vip.shop.skipAudit(); // segments are longer than their orders say
  return new VipCache(vip, await vip.plan({ price: '30.00', duration_days: 30, level: 1 }));
}

class VipCache {
  // The clock only goes forward: cached values don't survive one that is set back.
  time = 0;

  constructor(vip, month) {
    Object.assign(this, { vip, month, shop: vip.shop, sockets: processSockets(vip.shop, 'memberships') });
  }

  all(days) { return this.sockets.map(() => days); }

  // Signed in at the current time.
  again(...people) { return this.vip.after(this.time, ...people); }

  pass(seconds) {
    this.time += seconds;
    this.shop.clock(this.time);
  }

  // Extends all segments by days, unnoticed by the shop.
  lengthen(person, days) {
    return this.shop.sql(`UPDATE entitlement_segments SET days = days + ${days} WHERE user_id = ${person.user.user_id}`);
  }

  // The days that are left, as one process says.
  async days(socket, person) {
    const { json } = await askProcess(socket, { uri: `${STATUS}?member_id=${person.user.member_id}`, token: person.token });
    return json.days_remaining;
  }

  async daysEverywhere(person) {
    const answers = [];
    for (const socket of this.sockets) answers.push(await this.days(socket, person));
    return answers;
  }

  // A VIP of 30 days whose status one process has cached, and whose segment was extended by 10 days since.
  async cached() {
    const anna = await this.vip.buyer();
    await this.vip.bought(anna, this.month);
    this.pass(60); // after a change nothing is cached for a moment
    await this.days(this.sockets[0], anna);
    await this.lengthen(anna, 10);
    return anna;
  }
}
