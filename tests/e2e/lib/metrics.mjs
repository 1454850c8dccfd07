// SPDX-License-Identifier: MIT
// Prometheus' text format 0.0.4, read more strictly than Prometheus does: what promtool doesn't check either (PLATFORM).

import assert from 'node:assert/strict';

const NAME = '[a-zA-Z_][a-zA-Z0-9_]*';
const SERIES = new RegExp(`^(${NAME})(?:\\{(.*)\\})? ([0-9.]+)$`);
const LABEL = new RegExp(`^(${NAME})="([^"\\\\\\n]*)"(?:,|$)`);
const SUFFIX = /_(bucket|sum|count)$/;

function labelsOf(text, line) {
  const labels = {};
  for (let rest = text ?? ''; rest !== '';) {
    const [whole, name, value] = LABEL.exec(rest) ?? assert.fail(`labels of ${line}`);
    assert.equal(labels[name], undefined, `a label twice: ${line}`);
    labels[name] = value;
    rest = rest.slice(whole.length);
  }
  return labels;
}

// Its series: { name, labels, value, key }, where key names it. Fails unless every metric has one HELP and one TYPE, its series
// follow these without a gap, none is there twice, and histograms are whole.
export function metricsOf(text) {
  assert.ok(text.endsWith('\n'));
  const series = [];
  const types = new Map();
  const keys = new Set();
  let current = null;
  let helped = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, about, metric, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (about === 'HELP') {
      assert.ok(!types.has(metric), `${metric} twice`);
      helped = metric;
    } else if (about === 'TYPE') {
      assert.equal(helped, metric, `TYPE without HELP: ${line}`);
      types.set(metric, rest);
      current = metric;
    } else {
      const [, name, labelText, value] = SERIES.exec(line) ?? assert.fail(`not understood: ${line}`);
      const base = types.get(current) === 'histogram' ? name.replace(SUFFIX, '') : name;
      assert.equal(base, current, `not below its TYPE: ${line}`);
      assert.equal(name.endsWith('_total'), types.get(current) === 'counter', `${name} is a ${types.get(current)}`);
      const labels = labelsOf(labelText, line);
      const key = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
      assert.ok(!keys.has(key), `twice: ${line}`);
      keys.add(key);
      series.push({ name, labels, value: Number(value), key });
    }
  }
  for (const [metric, type] of types) if (type === 'histogram') checkHistogram(metric, series);
  return series;
}

function checkHistogram(metric, series) {
  const groups = new Map();
  for (const { name, labels: { le, ...labels }, value } of series) {
    if (!name.startsWith(`${metric}_`)) continue;
    const key = JSON.stringify(labels);
    if (!groups.has(key)) groups.set(key, { buckets: [] });
    if (name === `${metric}_bucket`) groups.get(key).buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    else groups.get(key)[name.slice(metric.length + 1)] = value;
  }
  for (const [key, { buckets, sum, count }] of groups) {
    assert.ok(buckets.length > 2 && sum >= 0, `${metric} ${key}`);
    for (const [i, [le, value]] of buckets.entries()) {
      assert.ok(i === 0 || (le > buckets[i - 1][0] && value >= buckets[i - 1][1]), `${metric} ${key}: the bucket ${le} is not cumulative`);
    }
    assert.deepEqual(buckets.at(-1), [Infinity, count], `${metric} ${key}: +Inf is not the count`);
  }
}

// The sum of all series of that name with these labels; 0 for none.
export function sumOf(series, wanted, having = {}) {
  return series.filter(({ name, labels }) => name === wanted && Object.entries(having).every(([label, value]) => labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
