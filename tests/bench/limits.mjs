// SPDX-License-Identifier: MIT
// What minimall can't be faster than: a program of libfcgi that does nothing, behind the same web server; and its own
// statements with nothing around them.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../sandbox/files.mjs';
import { processesOf } from '../../sandbox/process.mjs';
import { FAMILIES, WORKERS, startWeb } from '../../sandbox/web.mjs';
import { httpPeer, runMeasure, webParts } from './peers.mjs';
import { record } from './statements.mjs';

// Every program of every family is hello.c. It answers as many bytes as `like` does.
export async function startHello({ dir, binDir, like }) {
  const programs = path.join(dir, 'bin');
  const home = path.join(dir, 'web');
  mkdirSync(programs, { recursive: true });
  for (const family of FAMILIES) copyFileSync(path.join(binDir, 'bench', 'hello'), path.join(programs, `${family}.fcgi`));
  const port = await freePort();
  const web = await startWeb({ home, port, binDir: programs, configFile: path.join(dir, 'none'), env: {} });
  return httpPeer(`http://127.0.0.1:${port}`, {
    name: 'hello',
    kind: 'hello',
    parts: () => ({ ...webParts(processesOf(home)), database: [] }),
    statusOf: () => 200,
    requestsOf: async (work) => {
      const [request] = await work.requests(like);
      const { length } = await like.ask(request);
      return [{ method: 'GET', path: `${request.path.replace(/\?.*/, '')}?bytes=${length}`, token: request.token }];
    },
    stop: () => web.stop(),
  });
}

// On as many connections as the family has processes, to the same database server.
export async function startStatements({ like, works }) {
  const scripts = await record(like, works.filter(({ values }) => values));
  return {
    name: 'statements',
    kind: 'statements',
    does: ({ name }) => scripts.has(name),
    parts: () => ({ front: [], app: [], database: like.parts().database }),
    async prepare(work, directory) {
      const file = path.join(directory, `statements-${work.name}`);
      writeFileSync(file, `${scripts.get(work.name)}\n`);
      return { essence: undefined, load: (_, ms, max) => runMeasure('statements', [WORKERS[work.family], ms, max, file], like.shop.env) };
    },
    stop: async () => {},
  };
}
