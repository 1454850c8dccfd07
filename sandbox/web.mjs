// lighttpd with the shop's programs, started with the configuration that the project ships.

import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Fault, accepts, checkout, shortName, tail } from './files.mjs';
import { cleanEnv, endStrays, startProcess, stopProcess, untilReady } from './process.mjs';

const READY_MS = 20_000;
const STOP_MS = 1_500;

// home: the web server's own directory: sockets and log.
// Returns { exited, stop(patienceMs) }; stop() tells how many programs did not go when asked.
export async function startWeb({ home, port, binDir, configFile, env }) {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  await endStrays(home);
  const short = shortName(home, 'categories.sock-00');
  const logFile = path.join(home, 'lighttpd.log');
  const server = startProcess('lighttpd', ['-D', '-f', path.join(checkout, 'lighttpd.conf.example')], {
    cwd: checkout,
    logFile,
    env: cleanEnv(home, {
      MINIMALL_BIND: '127.0.0.1', MINIMALL_PORT: String(port), MINIMALL_ROOT: checkout, MINIMALL_BIN: binDir,
      MINIMALL_VAR: short.path, MINIMALL_CONFIG: configFile, ...env,
    }),
  });
  const stop = async (patienceMs) => {
    await stopProcess(server, STOP_MS);
    const { forced } = await endStrays(home, patienceMs); // a program finishes its request before it goes
    rmSync(path.join(home, 'lighttpd.pid'), { force: true });
    short.remove();
    return { forced };
  };
  if (!await untilReady(() => accepts({ port }), server, READY_MS)) {
    await stop();
    throw new Fault(`the web server did not start; the end of ${logFile}:\n${tail(logFile)}`);
  }
  return { exited: server.exited, stop };
}
