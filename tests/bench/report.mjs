// SPDX-License-Identifier: MIT
// The tables of a run: medians, and of ratios also their range over the rounds, in each of which the peers were measured right
// after one another.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const cpuSum = ({ front, app, database }) => front + app + database;

// "1.41 (1.32-1.50)"
function ratio(ours, theirs, of) {
  const values = ours.map((round, i) => of(round) / of(theirs[i]));
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)})`;
}

const COLUMNS = [
  ['peer', 10], ['req/s', 8], ['ours / it', 18], ['p50 us', 8], ['p99 us', 8], ['front', 7], ['app', 7], ['database', 9], ['CPU us', 8], ['ours / it', 18], ['client', 7],
];

const line = (cells) => cells.map((cell, i) => (i === 0 ? String(cell).padEnd(COLUMNS[i][1]) : String(cell).padStart(COLUMNS[i][1]))).join(' ');

export function report(results) {
  const groups = new Map();
  for (const result of results) {
    const name = `${result.work.name} ${result.work.title}, ${result.connections} connections`;
    groups.set(name, [...groups.get(name) ?? [], result]);
  }
  for (const [name, rows] of groups) {
    const [{ rounds: ours }] = rows;
    console.log(`\n${name}`);
    console.log(line(COLUMNS.map(([title]) => title)));
    for (const [i, { peer, rounds }] of rows.entries()) {
      const of = (key, digits = 0) => median(rounds.map((round) => round[key])).toFixed(digits);
      console.log(line([
        peer.name, of('perSecond'), i === 0 ? '' : ratio(ours, rounds, ({ perSecond }) => perSecond), of('p50'), of('p99'),
        of('front'), of('app'), of('database'), median(rounds.map(cpuSum)).toFixed(0), i === 0 ? '' : ratio(ours, rounds, cpuSum), of('client'),
      ]));
    }
  }
}
