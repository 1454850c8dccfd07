// SPDX-License-Identifier: MIT
// Seeded random choices and permutations, for tests that generate what happens: the same seed gives the same list.

// Numbers from 0 to below 1 (mulberry32).
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (rng, n) => Math.floor(rng() * n);
export const oneOf = (rng, list) => list[below(rng, list.length)];

export function shuffled(rng, list) {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = below(rng, i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

// All orders of a list's members.
export function permutations(list) {
  if (list.length < 2) return [[...list]];
  return list.flatMap((first, i) => permutations([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [first, ...rest]));
}

// Runs work for each of many, some at a time; the results in order.
export async function inParallel(list, width, work) {
  const results = [];
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < list.length) {
      const i = next;
      next += 1;
      results[i] = await work(list[i], i);
    }
  }));
  return results;
}
