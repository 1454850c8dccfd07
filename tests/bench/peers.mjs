// SPDX-License-Identifier: MIT
// What all that is compared has in common:
//   { name, kind, does(work), prepare(work, directory), parts(), stop() }
// prepare()  makes one able to do a work: { essence, load(connections, ms, requests) }. load() returns what was measured, as
//            load.c prints it; essence is what the answers are about, for a comparison, or undefined
// parts()    process ids by what they do: front (web server), app (programs) and database

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../../sandbox/files.mjs';
import { cleanEnv, run } from '../../sandbox/process.mjs';
import { binDir } from '../e2e/lib/start-shop.mjs';
import { nameOf } from './proc.mjs';
import { clientOf } from './client.mjs';

// Kinds that do only works of which one of these is true: minimall as it is, and with nothing cached.
const CACHES = { ours: true, uncached: false };

// A database server whose commits wait for the disk, the same for all. modules: of the checkout that starts it.
export function openDatabase(dir, { startDatabase, serverKind }) {
  const kind = serverKind('mariadb');
  const options = ['--innodb-buffer-pool-size=512M', '--innodb-flush-log-at-trx-commit=1', '--skip-log-bin'];
  return startDatabase({ dir, durable: true, kind: { ...kind, options: [...kind.options, ...options] } });
}

// Of the processes that a web server and its programs are: lighttpd with the pipe of its log, and the rest.
export function webParts(pids) {
  const isFront = (pid) => ['lighttpd', 'sed', 'sh'].includes(nameOf(pid));
  return { front: pids.filter(isFront), app: pids.filter((pid) => !isFront(pid)) };
}

// Runs a program of tests/bench/ that measures.
export async function runMeasure(program, args, settings = {}) {
  const { code, stdout, stderr } = await run(path.join(binDir, 'bench', program), args.map(String), { env: cleanEnv('', settings) });
  if (code !== 0) throw new Fault(`${program} failed: ${stderr}`);
  return JSON.parse(stdout);
}

// What answers HTTP requests at an address. rest: what it is besides; requestsOf(work) where they aren't the work's own.
export function httpPeer(base, rest) {
  const { ask, call } = clientOf(base);
  const { port } = new URL(base);
  const peer = {
    ask,
    call,
    does: (work) => (work.of?.(peer) ?? true) && CACHES[peer.kind] !== Boolean(work.uncached),
    tagOf: async (request) => (await ask(request)).tag,
    requestsOf: (work) => work.requests(peer),
    statusOf: (work) => work.status,
    async prepare(work, directory) {
      const requests = await peer.requestsOf(work);
      const wanted = peer.statusOf(work);
      const { status, body } = await ask(requests[0]);
      if (status !== wanted) throw new Fault(`${peer.name} answers ${status} instead of ${wanted} to ${work.name}: ${JSON.stringify(body)}`);
      const file = path.join(directory, `${peer.name}-${work.name}`);
      writeFileSync(file, requests.map((request) => textOf(request, port)).map((text) => `${Buffer.byteLength(text)}\n${text}`).join(''));
      return {
        essence: peer.kind === 'hello' ? undefined : work.essence(body),
        load: (connections, ms, max) => runMeasure('load', [port, connections, ms, max, wanted, file]),
      };
    },
    ...rest,
  };
  return peer;
}

// A request as it is sent.
function textOf({ method, path: target, token, headers = {}, body }, port) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const lines = [
    `${method} ${target} HTTP/1.1`, `Host: 127.0.0.1:${port}`,
    ...(token ? [`Authorization: Bearer ${token}`] : []),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${text}`;
}
