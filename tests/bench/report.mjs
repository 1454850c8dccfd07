// SPDX-License-Identifier: MIT
// The tables of a run: medians, and of ratios also the range of the middle half of the rounds, in each of which the peers were
// measured right after one another.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const OTHERS_MAX = 0.1; // of the machine

export const cpuSum = ({ front, app, database }) => front + app + database;

// "1.41 (1.32-1.50)": the median of the rounds, and where the middle half of them is.
function ratio(ours, theirs, of) {
  const values = ours.map((round, i) => of(round) / of(theirs[i])).sort((a, b) => a - b);
  const at = (share) => values[Math.round((values.length - 1) * share)].toFixed(2);
  return `${median(values).toFixed(2)} (${at(0.25)}-${at(0.75)})`;
}

const COLUMNS = [
  ['', 11], ['req/s', 7], ['', 17], ['p50 us', 7], ['p99 us', 7], ['p99/p50', 8], ['front', 6], ['app', 6], ['database', 9], ['CPU us', 7], ['', 17],
];

const line = (cells) => cells.map((cell, i) => (i === 0 ? String(cell).padEnd(COLUMNS[i][1]) : String(cell).padStart(COLUMNS[i][1]))).join(' ').trimEnd();

// A table for each work and number of connections; its first row is what the others are compared with.
export function reportWorks(results, print) {
  const groups = new Map();
  for (const result of results) {
    const name = `${result.work.name} ${result.work.title}, ${result.connections} connections`;
    groups.set(name, [...groups.get(name) ?? [], result]);
  }
  for (const [name, rows] of groups) {
    const [{ rounds: ours }] = rows;
    print(`\n${name}`);
    print(line(COLUMNS.map(([title], i) => title || (i === 0 ? '' : `${rows[0].peer.name} / it`))));
    for (const [i, { peer, rounds }] of rows.entries()) {
      const of = (key, digits = 0) => median(rounds.map((round) => round[key])).toFixed(digits);
      print(line([
        peer.name, of('perSecond'), i === 0 ? '' : ratio(ours, rounds, ({ perSecond }) => perSecond), of('p50'), of('p99'),
        median(rounds.map(({ p50, p99 }) => p99 / p50)).toFixed(1), of('front'), of('app'), of('database'),
        median(rounds.map(cpuSum)).toFixed(0), i === 0 ? '' : ratio(ours, rounds, cpuSum),
      ]));
    }
  }
}

// Whether the figures can be believed.
export function reportOthers(results, print) {
  const share = median(results.flatMap(({ rounds }) => rounds.map(({ others }) => others)));
  print(`\nother processes took ${(share * 100).toFixed(0)} % of the machine${share > OTHERS_MAX ? ': only CPU us and their ratios mean something' : ''}`);
}

const mib = (kib) => (kib / 1024).toFixed(2);

// families: of memoryByFamily().
export function reportMemory(title, families, print) {
  print(`\nmemory of ${title}, MiB`);
  print('family       processes    PSS  private of one');
  for (const [name, { pss, own }] of families) {
    print(`${name.padEnd(12)} ${String(pss.length).padStart(9)} ${mib(sum(pss)).padStart(6)} ${mib(Math.max(...own)).padStart(15)}`);
  }
  const all = [...families.values()];
  print(`${'all'.padEnd(12)} ${String(sum(all.map(({ pss }) => pss.length))).padStart(9)} ${mib(sum(all.map(({ pss }) => sum(pss)))).padStart(6)}`);
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

// files: [name, bytes] of the programs, stripped.
export function reportSizes(files, print) {
  print('\nsize of the stripped programs, KiB');
  print(files.map(([name, bytes]) => `${name} ${(bytes / 1024).toFixed(0)}`).join(', '));
}
