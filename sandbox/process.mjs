// SPDX-License-Identifier: MIT
// Child processes that never outlive their launcher, and are found again by a variable in their environment.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

// Every process of one launcher has this variable with the launcher's directory as its value. The holder of that
// directory's lock may end every process that has it: nothing else can have started it.
const MARK = 'MINIMALL_STARTER';

// Variables that children inherit. No others: a DB_HOST or WECHAT_SECRET in the user's shell would override
// the settings file of the shop being started.
const ASK_AGAIN_TURNS = 10;
const INHERITED = ['HOME', 'LANG', 'LC_ALL', 'TERM', 'TMPDIR', 'TZ', 'USER'];

export function cleanEnv(home, extra = {}) {
  const env = { PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`, [MARK]: home };
  for (const name of INHERITED) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return { ...env, ...extra };
}

// Starts a long-running program in its own session, so that Ctrl-C reaches only the launcher, which then stops
// everything in order. The kernel sends it TERM if the launcher is killed.
// as: { uid, gid } to run as, or null.  Returns the ChildProcess with `exited`, a promise of { code, signal }.
export function startProcess(command, args, { env, cwd, logFile, as = null }) {
  const out = openSync(logFile, 'a', 0o600);
  const identity = as ? ['--reuid', String(as.uid), '--regid', String(as.gid), '--clear-groups'] : [];
  const child = spawn('setpriv', [...identity, '--pdeathsig', 'TERM', '--', command, ...args],
    { env, cwd, detached: true, stdio: ['ignore', out, out] });
  closeSync(out);
  child.exited = new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 127, signal: null, error }));
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  return child;
}

// Terminates a child, and kills it after a while. True if it ended without being killed.
export async function stopProcess(child, patienceMs) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return true;
  child.kill('SIGTERM');
  const polite = await withinMs(child.exited, patienceMs);
  if (polite === undefined) child.kill('SIGKILL');
  await child.exited;
  return polite !== undefined;
}

// Runs a program to its end, at most for limitMs. Returns { code, signal, stdout, stderr }; a missing program has
// code 127.
export function run(command, args, { env, cwd, input = '', as = null, signal, limitMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, signal, timeout: limitMs, ...(as ?? {}) });
    const out = { stdout: [], stderr: [] };
    for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => out[name].push(chunk));
    const text = (name) => Buffer.concat(out[name]).toString('utf8');
    child.on('error', (error) => {
      if (error.name === 'AbortError') return; // it was aborted, and 'close' reports its end
      resolve({ code: 127, signal: null, stdout: text('stdout'), stderr: error.message });
    });
    child.on('close', (code, sig) => resolve({ code, signal: sig, stdout: text('stdout'), stderr: text('stderr') }));
    child.stdin.on('error', () => {}); // it may end without reading what it was given
    child.stdin.end(input);
  });
}

// The value of a promise, or undefined when it takes longer.
export async function withinMs(promise, ms) {
  const timer = new AbortController();
  const late = delay(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

// Calls `ready` until it returns true, `child` ends, or the time is over; returns whether it became ready.
export async function untilReady(ready, child, limitMs) {
  const end = Date.now() + limitMs;
  let ended = false;
  child.exited.then(() => { ended = true; });
  while (!ended && Date.now() < end) {
    if (await ready()) return true;
    await withinMs(child.exited, 30);
  }
  return false;
}

// Ids of the live processes that the launcher of `home` started, now or in an earlier run.
export function processesOf(home) {
  const mark = `${MARK}=${home}`;
  return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid).map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
      } catch {
        return false; // ended meanwhile, or another user's
      }
    });
}

// The kernel's data on a process: { state, parent, started }, or null when there is none.
export function processStatus(pid) {
  try {
    // The name in parentheses may contain anything; the fields after it are those of proc(5), from the third on.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return { state: fields[0], parent: Number(fields[1]), started: fields[19] };
  } catch {
    return null;
  }
}

// True while a process holds resources. An exiting one loses its environment before its sockets, and its first thread may
// be a zombie while others still hold them.
function isThere({ pid, started }) {
  const now = processStatus(pid);
  if (now === null || now.started !== started) return false;
  if (!'ZX'.includes(now.state)) return true;
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

// Ends all remaining processes of the launcher of `home`. Only for the holder of that directory's lock.
// Returns { asked, forced }: how many there were, and how many had to be killed.
export async function endStrays(home, patienceMs = 1500) {
  const asked = processesOf(home);
  const end = Date.now() + patienceMs;
  let left = withStart(asked);
  let forced = 0;
  // Repeatedly: a process between fork and exec misses the signal, or is not in the first list.
  for (let turn = 0; left.length > 0; turn += 1) {
    if (Date.now() >= end) {
      forced = Math.max(forced, left.length);
      signalAll(left, 'SIGKILL');
    } else if (turn % ASK_AGAIN_TURNS === 0) {
      signalAll(left, 'SIGTERM');
    }
    await delay(20);
    left = stillThere(home, left);
  }
  return { asked: asked.length, forced };
}

function stillThere(home, known) {
  const dying = known.filter(isThere);
  const pids = new Set(dying.map(({ pid }) => pid));
  return [...dying, ...withStart(processesOf(home).filter((pid) => !pids.has(pid)))];
}

function withStart(pids) {
  return pids.map((pid) => ({ pid, started: processStatus(pid)?.started })).filter(({ started }) => started !== undefined);
}

function signalAll(processes, signal) {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
}

// True if a user could enter a directory, considering every restriction.
export function mayEnter(directory, { uid, gid }) {
  return spawnSync('test', ['-x', directory], { uid, gid }).status === 0;
}
