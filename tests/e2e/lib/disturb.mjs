// SPDX-License-Identifier: MIT
// Disturbs a running shop while something else is done with it.

import assert from 'node:assert/strict';
import { WORKERS } from '../../../sandbox/web.mjs';
import { until } from './trade.mjs';

// Repeats a fault until the work is done; strikes() is how often it took effect.
export async function during(disturb, work) {
  let working = true;
  let strikes = 0;
  const disturber = (async () => {
    while (working) strikes += await disturb();
  })();
  try {
    return { result: await work(() => strikes), strikes: () => strikes };
  } finally {
    working = false;
    await disturber;
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
    return 1;
  } catch (error) {
    assert.equal(error.code, 'ESRCH');
    return 0;
  }
}

// Kills one program of a family and waits until all of them run again.
export function killer(trade, name) {
  const full = WORKERS[name]; // not the current number: a web server serves before it has started all
  return async () => {
    const [victim] = trade.workers(name);
    const struck = victim === undefined ? 0 : kill(victim);
    await until(`${name} to be started again`, () => trade.workers(name).length === full && !trade.workers(name).includes(victim), { limitMs: 20_000 });
    return struck;
  };
}
