// SPDX-License-Identifier: MIT
// The simulators of a shop's providers: how each is started, and the settings that the shop gets for it.

import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { alipaySettings, gatewaySettings, wechatSettings } from './config.mjs';
import { freePort, keptJson, portIsFree, writePrivate } from './files.mjs';

// load: the module, which is slow and needed only by the process that starts the simulator; keys: what it and the shop share.
const KINDS = {
  wechat: {
    load: async () => {
      const { makeKeys, startWechat } = await import('./wechat/server.mjs');
      return { start: startWechat, keys: ({ home, clockFile }) => makeKeys(home, { clockFile }) };
    },
    settings: wechatSettings,
  },
  alipay: {
    load: async () => {
      const { makeKeys, startAlipay } = await import('./alipay/server.mjs');
      return { start: startAlipay, keys: ({ home, clockFile }) => makeKeys(home, { clockFile }) };
    },
    settings: alipaySettings,
  },
  gateway: {
    load: async () => ({ start: (await import('./gateway/server.mjs')).startGateway, keys: ({ secrets }) => ({ secret: secrets.gateway }) }),
    settings: gatewaySettings,
  },
};

// dir         the shop's directory; the simulator's is dir/<name>, where it keeps its port between starts, so that earlier
//             payments are still found there
// baseUrl     the shop's
// secrets     of shopSecrets()
// lasting     false: its state is not stored
// options     of the simulator's own start function
// Returns { url, keys, settings, renew(), close() }; renew() replaces it by a new one, which has no state unless it is lasting.
export async function startSimulator(name, { dir, baseUrl, secrets, clockFile, lasting, options = {} }) {
  const home = path.join(dir, name);
  const { start, keys: makeKeys } = await KINDS[name].load();
  const portFile = path.join(home, 'port.json');
  const log = (line) => appendFileSync(path.join(dir, 'log', `${name}.log`), `${line}\n`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const keys = makeKeys({ home, clockFile, secrets });
  const kept = keptJson(portFile, () => 0);
  const port = kept !== 0 && await portIsFree(kept) ? kept : await freePort();
  const stored = lasting ? { stateFile: path.join(home, 'state.json') } : {};
  const startNew = () => start({ ...keys, ...options, ...stored, port, clockFile, log });
  let running = await startNew();
  writePrivate(portFile, JSON.stringify(port));
  return {
    url: running.url,
    keys,
    settings: KINDS[name].settings(keys, running.url, baseUrl, options),
    close: () => running.close(),
    renew: async () => {
      await running.close();
      running = await startNew();
    },
  };
}
