// SPDX-License-Identifier: MIT
// A private Galera cluster: MariaDB nodes on this host (each started by start.mjs), which communicate over loopback.
// The first node weighs more than the others together, so that it keeps the quorum whatever happens to them.

import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { startDatabase } from './start.mjs';
import { Fault, Unavailable, freePort, step } from '../files.mjs';
import { cleanEnv, run } from '../process.mjs';
import { serverKind } from './kinds.mjs';
import { query } from './sql.mjs';

const PROVIDERS = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib64/galera-4/libgalera_smm.so'];
const METHOD = 'position';
const END_MS = 60_000;

// How long a node may be silent before the others evict it. On a busy machine nodes and connections may be slower
// than Galera's default allows. Before one is killed: Galera's default.
const PATIENT = 'evs.inactive_timeout=PT90S;evs.suspect_timeout=PT60S;gmcast.peer_timeout=PT60S';
const USUAL = 'evs.suspect_timeout=PT5S;evs.inactive_timeout=PT15S';

// A state transfer that transfers nothing: each node starts as the same copy and receives what it missed as single write
// sets from another's cache. Only that node's position is passed, in a file, since all are on one host.
const TRANSFER = `#!/bin/sh
set -eu
while [ $# -gt 0 ]; do
  case $1 in
  --role) role=$2 ;;
  --address) address=$2 ;;
  --gtid) gtid=$2 ;;
  esac
  shift
done
case $role in
joiner)
  rm -f "$POSITION_FILE"
  echo "ready $address"
  until [ -s "$POSITION_FILE" ]; do sleep 0.05; done
  cat "$POSITION_FILE"
  ;;
donor)
  echo "$gtid" >"$POSITION_FILE.new"
  mv "$POSITION_FILE.new" "$POSITION_FILE"
  echo "done $gtid"
  ;;
esac
`;

// Throws Unavailable where Galera is not installed.
export function findProvider() {
  const found = PROVIDERS.find((file) => existsSync(file));
  if (found === undefined) throw new Unavailable('the package galera-4 is not installed');
  return found;
}

// latencyMs: the replication delay between nodes, so that concurrent writes on both are certain to be unknown to the other
// node.  Returns { nodes: [{ socket, createDatabase, dropDatabase, kill(), start() }, …], evictFast(), stop() }:
// a node killed after evictFast() is evicted within a few seconds, otherwise within a minute.
export async function startCluster({ dir, latencyMs = 0, log = () => {} }) {
  const provider = findProvider();
  const home = path.resolve(dir);
  mkdirSync(path.join(home, 'bin'), { recursive: true });
  for (const directory of [home, path.join(home, 'bin')]) chmodSync(directory, 0o711); // the servers' user must be able to enter
  writeFileSync(path.join(home, 'bin', `wsrep_sst_${METHOD}`), TRANSFER);
  chmodSync(path.join(home, 'bin', `wsrep_sst_${METHOD}`), 0o755);
  const nodes = [new Node(home, 'one', provider), new Node(home, 'two', provider)];
  let line;
  try {
    for (const node of nodes) await node.choosePorts();
    line = await openLine(nodes[0].port, latencyMs);
    nodes[1].peer = line.port;
    await step(log, 'creating the nodes (some seconds)', () => nodes[0].start());
    await nodes[0].stop(END_MS); // a clean shutdown, so that it can bootstrap the cluster
    await copyNode(home);
    await step(log, 'starting the nodes', async () => { for (const node of nodes) await node.start(); });
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, evictFast, stop };

  async function evictFast() {
    for (const { socket } of nodes) await query(socket, '', `SET GLOBAL wsrep_provider_options = '${USUAL}'`);
  }

  async function stop() {
    for (const node of [...nodes].reverse()) await node.stop();
    await line?.close();
  }
}

// The second node starts with the data, cluster position and account of the first.
async function copyNode(home) {
  const { data } = serverKind('mariadb');
  mkdirSync(path.join(home, 'two'), { mode: 0o700 });
  copyFileSync(path.join(home, 'one', 'account.json'), path.join(home, 'two', 'account.json'));
  await must(['cp', '-R', path.join(home, 'one', data), path.join(home, 'two', data)], home);
}

async function must([command, ...args], home) {
  const { code, stdout, stderr } = await run(command, args, { env: cleanEnv(home), cwd: home });
  if (code !== 0) throw new Fault(`${command} failed:\n${(stdout + stderr).trim().split('\n').slice(-15).join('\n')}`);
}

class Node {
  constructor(home, name, provider) {
    Object.assign(this, { home, name, provider, first: name === 'one' });
  }

  get socket() { return this.server.socket; }
  createDatabase(name) { return this.server.createDatabase(name); }
  dropDatabase(name) { return this.server.dropDatabase(name); }

  async choosePorts() {
    [this.port, this.catchUpPort] = [await freePort(), await freePort()];
  }

  // Only the first can bootstrap the cluster, and only once.
  async start() {
    this.server = await startDatabase({ dir: path.join(this.home, this.name), durable: false, kind: this.#kind() });
  }

  // As in a power failure of its host.
  async kill() {
    process.kill(Number(readFileSync(path.join(this.home, this.name, 'mariadb.pid'), 'utf8')), 'SIGKILL');
    await this.server.exited;
    await this.stop();
  }

  async stop(patienceMs) {
    const { server } = this;
    this.server = null;
    await server?.stop(patienceMs);
  }

  #kind() {
    const mariadb = serverKind('mariadb');
    return {
      ...mariadb,
      find: async () => ({
        command: ['env', `PATH=${path.join(this.home, 'bin')}:${cleanEnv('').PATH}`,
          `POSITION_FILE=${path.join(this.home, 'one', 'position')}`, 'mariadbd'],
        options: [],
        root: null,
      }),
      options: [...mariadb.options, '--binlog-format=ROW', '--innodb-autoinc-lock-mode=2', '--wsrep-on=ON',
        `--wsrep-provider=${this.provider}`, '--wsrep-cluster-name=minimall', `--wsrep-node-name=${this.name}`,
        `--wsrep-node-address=127.0.0.1:${this.port}`, `--wsrep-sst-method=${METHOD}`,
        `--wsrep-cluster-address=gcomm://${this.first ? '' : `127.0.0.1:${this.peer}`}`, ...(this.first ? ['--wsrep-new-cluster'] : []),
        `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${this.port};ist.recv_addr=127.0.0.1:${this.catchUpPort};`
        + `gcache.size=16M;pc.weight=${this.first ? 2 : 1};${PATIENT}`],
      ready: isSynced,
    };
  }
}

async function isSynced(socket) {
  try {
    const [row] = await query(socket, '', "SHOW STATUS LIKE 'wsrep_local_state_comment'");
    return row?.Value === 'Synced';
  } catch {
    return false; // not listening yet
  }
}

// A port that forwards connections to another, delaying all data by so many ms.
async function openLine(port, latencyMs) {
  const open = new Set();
  const server = createServer((from) => {
    const to = connect({ host: '127.0.0.1', port });
    for (const [near, far] of [[from, to], [to, from]]) {
      open.add(near);
      const later = (work) => setTimeout(() => { if (!far.destroyed) work(); }, latencyMs);
      near.on('data', (chunk) => later(() => far.write(chunk)));
      near.on('end', () => later(() => far.end()));
      near.on('error', () => {});
      near.on('close', () => { open.delete(near); later(() => far.destroy()); });
    }
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: server.address().port,
    close: () => new Promise((resolve) => {
      server.close(resolve);
      open.forEach((socket) => socket.destroy());
    }),
  };
}
