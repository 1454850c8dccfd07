// SPDX-License-Identifier: MIT
// What processes use, from /proc: CPU time and memory.

import { readFileSync, readdirSync } from 'node:fs';
import { processStatus } from '../../sandbox/process.mjs';

const US_PER_TICK = 10_000; // USER_HZ is 100 on every Linux

// A process and all its descendants.
export function treeOf(root) {
  const parents = new Map(readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map((name) => [Number(name), processStatus(name)?.parent]));
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

export function nameOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return null; // ended meanwhile
  }
}

// CPU time of a process since its start, in ns: of its threads by the scheduler; where the kernel doesn't count
// that, in ticks.
function cpuNs(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0);
  } catch {
    return ticksOf(pid) * US_PER_TICK * 1000;
  }
}

function ticksOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

// parts: lists of process ids by name.  Returns the CPU time of each, in us.
export function cpuOf(parts) {
  return Object.fromEntries(Object.entries(parts).map(([name, pids]) => [name, pids.reduce((sum, pid) => sum + cpuNs(pid), 0) / 1000]));
}

// CPU time that the whole machine has spent, in us, and its number of processors.
export function machineCpu() {
  const [all, ...each] = readFileSync('/proc/stat', 'utf8').split('\n').filter((line) => line.startsWith('cpu'));
  const [user, nice, system, , , irq, softirq, steal] = all.trim().split(/ +/).slice(1).map(Number);
  return { us: (user + nice + system + irq + softirq + steal) * US_PER_TICK, processors: each.length };
}

// Memory of a process in KiB: pss shares what several processes map among them, own is what no other one has.
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name) => Number(new RegExp(`^${name}: +([0-9]+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return { pss: of('Pss'), own: of('Private_Clean') + of('Private_Dirty') };
}

// Of programs named FAMILY.fcgi, by family: { pss, own } of each process.
export function memoryByFamily(pids) {
  const families = new Map();
  for (const pid of pids) {
    const family = nameOf(pid).replace(/\.fcgi?$/, '');
    const { pss, own } = families.get(family) ?? { pss: [], own: [] };
    const memory = memoryOf(pid);
    families.set(family, { pss: [...pss, memory.pss], own: [...own, memory.own] });
  }
  return new Map([...families].sort(([a], [b]) => a.localeCompare(b)));
}
