// SPDX-License-Identifier: MIT
// `make run`: the whole shop in the foreground, with demo data, until Ctrl-C.
//   PORT=8080    SANDBOX=off (the real providers' settings are used)    MODE=asan (build/asan)    DB=mysql (database/kinds.mjs)
//   VAR_DIR      the data directory; default var/ of the checkout

import { setMaxListeners } from 'node:events';
import { accessSync, constants, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { realSettings } from './config.mjs';
import { Fault, checkout, quoted, writePrivate } from './files.mjs';
import { withinMs } from './process.mjs';
import { serverKind } from './database/kinds.mjs';
import { startDatabase, startShop } from './shop.mjs';

const JOBS_MS = 10_000;

const dir = path.resolve(process.env.VAR_DIR || path.join(checkout, 'var'));
const sandbox = process.env.SANDBOX !== 'off';
const log = (line) => console.log(line);

// The terminal may be closed before everything has stopped.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const interruption = new AbortController();
const { signal } = interruption;
setMaxListeners(0, signal); // every request of the demo data listens to it
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => interruption.abort());
const interrupted = new Promise((resolve) => { signal.addEventListener('abort', () => resolve(null)); });

process.exit(await main());

async function main() {
  let database;
  let shop;
  try {
    const port = chosenPort();
    const providers = sandbox ? {} : realSettings(process.env);
    prepareDirectory();
    database = await startDatabase({ dir: path.join(dir, 'db'), signal, log });
    rmSync(path.join(dir, 'dev.env'), { force: true }); // written again when it is valid
    signal.throwIfAborted();
    shop = await startShop({
      // The real providers don't know the sandbox's payments: each has its own database.
      dir, port, db: database, dbName: `${sandbox ? 'minimall' : 'minimall_live'}${serverKind().suffix}`, wechat: sandbox, alipay: sandbox, gateway: sandbox, providers, demo: true,
      refundMode: 'SUCCESS', // here nobody completes it by hand, as tests do
      binDir: path.join(checkout, 'build', process.env.MODE || 'release'), signal, log,
    });
    signal.throwIfAborted();
    return await serve(shop, database);
  } catch (error) {
    if (signal.aborted) return 0;
    console.error(error instanceof Fault ? `minimall: ${error.message}` : error);
    return 1;
  } finally {
    if (database) log('stopping …');
    try {
      await shop?.stop();
    } finally {
      await database?.stop();
    }
  }
}

async function serve(shop, database) {
  writeDevEnv(shop);
  const jobs = runJobs(shop);
  log(announcement(shop));
  const death = await Promise.race([interrupted, shop.died, database.exited.then(() => `the database server ended; its log is ${database.logFile}`)]);
  interruption.abort();
  await withinMs(jobs, 1000); // a running pass ends with the shop
  if (death === null) return 0;
  console.error(`minimall: ${death}`);
  return 1;
}

function chosenPort() {
  const text = process.env.PORT || '8080';
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port < 1 || port > 65535) throw new Fault(`PORT=${text} is no port number`);
  return port;
}

function prepareDirectory() {
  try {
    mkdirSync(path.join(dir, 'log'), { recursive: true });
    accessSync(dir, constants.W_OK);
  } catch (error) {
    throw new Fault(`${dir} cannot be written: ${error.message}`);
  }
}

function writeDevEnv(shop) {
  const values = {
    BASE_URL: shop.baseUrl,
    ADMIN_ACCOUNT: shop.admin.account,
    ADMIN_PASSWORD: shop.admin.password,
    SANDBOX_URL: shop.sandboxUrl ?? '',
    SANDBOX_ALIPAY_URL: shop.simulators.alipay?.url ?? '',
    GATEWAY_SECRET: shop.gatewaySecret,
    DB_SOCKET: shop.env.DB_SOCKET,
    DB_NAME: shop.env.DB_NAME,
  };
  writePrivate(path.join(dir, 'dev.env'), Object.entries(values).map(([name, value]) => `${name}=${quoted(value)}\n`).join(''));
}

function announcement(shop) {
  return [
    '',
    `  shop      ${shop.baseUrl}/`,
    `  admin     ${shop.baseUrl}/admin/`,
    `            account ${shop.admin.account}, password ${shop.admin.password}`,
    ...(shop.sandboxUrl ? [`  sandbox   ${shop.sandboxUrl}/ (stands in for WeChat), ${shop.simulators.alipay.url}/ (for Alipay)`] : ['  sandbox   off: the real providers are used']),
    `  scripts   . ${path.join(dir, 'dev.env')}`,
    '',
    'minimall is ready',
  ].join('\n');
}

// One pass of `minimall jobs` after another, never concurrently. A fault is reported once, not every ten seconds.
async function runJobs(shop) {
  let said = '';
  while (!signal.aborted) {
    const next = delay(JOBS_MS, undefined, { signal }).catch(() => {});
    const { code, stdout, stderr } = await shop.minimall(['jobs'], { signal });
    if (signal.aborted) return;
    const fault = code === 0 ? '' : `minimall jobs failed (${code}): ${(stderr || stdout).trim().split('\n').pop()}`;
    if (fault !== said) log(fault || 'minimall jobs works again');
    said = fault;
    await next;
  }
}
