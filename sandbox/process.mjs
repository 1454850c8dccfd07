// SPDX-License-Identifier: MIT
// Child processes: started so that they never outlive their starter, and found again by a mark in their environment.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

// Every process of one starter carries this name with the starter's directory as its value. Whoever holds the lock of
// that directory may end every process that carries it: nobody else can have started it.
const MARK = 'MINIMALL_STARTER';

// Names that children may inherit. All others stay out: a DB_HOST or WECHAT_SECRET in the user's shell would win over
// the settings file of the shop that is being started.
const ASK_AGAIN_TURNS = 10;
const INHERITED = ['HOME', 'LANG', 'LC_ALL', 'TERM', 'TMPDIR', 'TZ', 'USER'];

export function cleanEnv(home, extra = {}) {
  const env = { PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`, [MARK]: home };
  for (const name of INHERITED) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return { ...env, ...extra };
}

// Starts a long-running program in a session of its own, so that Ctrl-C reaches only the starter, which then stops
// things in order. The kernel sends it TERM should the starter be killed.
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

// Asks a child to end and insists after a while. True if it went when asked.
export async function stopProcess(child, patienceMs) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return true;
  child.kill('SIGTERM');
  const polite = await withinMs(child.exited, patienceMs);
  if (polite === undefined) child.kill('SIGKILL');
  await child.exited;
  return polite !== undefined;
}

// Runs a program to its end, which comes after limitMs at the latest. Returns { code, signal, stdout, stderr }; a program that
// is missing has code 127.
export function run(command, args, { env, cwd, input = '', as = null, signal, limitMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, signal, timeout: limitMs, ...(as ?? {}) });
    const out = { stdout: [], stderr: [] };
    for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => out[name].push(chunk));
    const text = (name) => Buffer.concat(out[name]).toString('utf8');
    child.on('error', (error) => {
      if (error.name === 'AbortError') return; // it was told to end, and 'close' says when it has
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

// Calls `ready` until it says true, `child` ends, or the time is over; returns whether it became ready.
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

// Ids of the live processes that the starter of `home` started, now or in an earlier life.
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

// What the kernel says of a process: { state, parent, started }, or null when there is none.
export function processStatus(pid) {
  try {
    // The name before the parenthesis may hold anything; the fields after it are proc(5)'s, from the third on.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return { state: fields[0], parent: Number(fields[1]), started: fields[19] };
  } catch {
    return null;
  }
}

// True while a process holds anything. A dying one has lost its environment before its sockets, and its first thread may
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

// Ends whatever the starter of `home` still has running. Only for the holder of that directory's lock.
// Returns { asked, forced }: how many there were, and how many did not go when asked.
export async function endStrays(home, patienceMs = 1500) {
  const asked = processesOf(home);
  const end = Date.now() + patienceMs;
  let left = withStart(asked);
  let forced = 0;
  // Asked again and again: what is just between fork and exec loses the signal, or is not in the first list.
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

// True if a user could enter a directory, whatever it is that might stop them.
export function mayEnter(directory, { uid, gid }) {
  return spawnSync('test', ['-x', directory], { uid, gid }).status === 0;
}
