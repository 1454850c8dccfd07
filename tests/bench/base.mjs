// SPDX-License-Identifier: MIT
// Another commit of this repository, built in a directory of its own: make bench-compare BASE=<commit>.

import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { Fault, checkout, step } from '../../sandbox/files.mjs';
import { cleanEnv, run } from '../../sandbox/process.mjs';

// Returns { root, binDir, name }. Its launcher uses the npm packages that are installed here.
export async function buildBase({ dir, commit, log }) {
  const root = path.join(dir, 'base');
  const must = async (command, args, cwd) => {
    const { code, stdout, stderr } = await run(command, args, { cwd, env: cleanEnv('') });
    if (code !== 0) throw new Fault(`${command} ${args.join(' ')} failed:\n${(stdout + stderr).trim().split('\n').slice(-15).join('\n')}`);
    return stdout.trim();
  };
  const given = ['CC', 'CFLAGS', 'LDFLAGS'].filter((variable) => process.env[variable]).map((variable) => `${variable}=${process.env[variable]}`);
  const name = await must('git', ['-C', checkout, 'rev-parse', '--short', `${commit}^{commit}`], checkout);
  await must('git', ['clone', '--quiet', '--shared', '--no-checkout', checkout, root], dir);
  await must('git', ['checkout', '--quiet', '--detach', name], root);
  symlinkSync(path.join(checkout, 'sandbox', 'node_modules'), path.join(root, 'sandbox', 'node_modules'));
  await step(log, `building ${name}`, () => must('make', ['-s', '-j2', 'MODE=release', ...given, 'all'], root));
  return { root, binDir: path.join(root, 'build', 'release'), name };
}
