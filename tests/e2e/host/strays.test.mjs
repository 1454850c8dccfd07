// SPDX-License-Identifier: MIT
// Ending the processes of an earlier start waits until they have ended.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { accepts, freePort, portIsFree } from '../../../sandbox/files.mjs';
import { cleanEnv, endStrays, run, startProcess, untilReady } from '../../../sandbox/process.mjs';
import { makeDirectory } from '../lib/harness.mjs';

const BOUND_MS = 60_000;
const PATIENCE_MS = 100;

const dir = makeDirectory();

after(() => endStrays(dir));

// Listens; when terminated its first thread exits, while another still holds the port.
const HOLDER = `
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void *hold(void *unused) { for (;;) pause(); return unused; }
static void leave(int number) { (void)number; pthread_exit(NULL); }

int main(int count, char **words)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[count - 1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_t thread;
  pthread_sigmask(SIG_BLOCK, &term, NULL); /* the other thread never sees it */
  if (pthread_create(&thread, NULL, hold, NULL) != 0) return 1;
  signal(SIGTERM, leave);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0) return 1;
  pthread_sigmask(SIG_UNBLOCK, &term, NULL);
  for (;;) pause();
}
`;

test('a process whose first thread has exited but whose port is still open is waited for, and killed', async () => {
  const source = path.join(dir, 'holder.c');
  const holder = path.join(dir, 'holder');
  writeFileSync(source, HOLDER);
  const built = await run('cc', ['-pthread', '-o', holder, source]);
  assert.equal(built.code, 0, built.stderr);
  const port = await freePort();
  const child = startProcess(holder, [String(port)], { env: cleanEnv(dir), cwd: dir, logFile: path.join(dir, 'log') });
  assert.ok(await untilReady(() => accepts({ port }), child, BOUND_MS), 'it does not listen');
  assert.deepEqual(await endStrays(dir, PATIENCE_MS), { asked: 1, forced: 1 });
  assert.ok(await portIsFree(port));
});
