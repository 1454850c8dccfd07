// SPDX-License-Identifier: MIT
// The settings file of a shop that the launcher runs.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Fault, keptJson, stateDirectory, writePrivate } from './files.mjs';

// Limits per minute and second and of what is in flight are off, since one person or one test acts as all customers; those per hour are unchanged.
const RATE_LIMITS = {
  FORGED_PER_MINUTE: '0', PAYMENT_REQUESTS_PER_MINUTE: '0', USER_REQUESTS_PER_MINUTE: '0', ADDRESS_REQUESTS_PER_MINUTE: '0', REQUESTS_PER_SECOND: '0',
  PREPAY_INTERVAL_SECONDS: '0', PAYMENTS_IN_FLIGHT_PER_USER: '0', SIGN_IN_FAILURES_PER_ACCOUNT: '0', SIGN_IN_FAILURES_PER_ADDRESS: '0',
};

// Without the sandbox these come from the user; they are mandatory.
const PROVIDER_NAMES = [
  'WECHAT_APPID', 'WECHAT_SECRET', 'WECHAT_MCHID', 'WECHAT_API_V3_KEY', 'WECHAT_MCH_SERIAL_NO',
  'WECHAT_MCH_PRIVATE_KEY_FILE', 'WECHAT_PAY_PUBLIC_KEY_ID', 'WECHAT_PAY_PUBLIC_KEY_FILE', 'WECHAT_NOTIFY_URL',
];
const OTHER_NAMES = [
  'ALIPAY_APP_ID', 'ALIPAY_SELLER_ID', 'ALIPAY_PRIVATE_KEY_FILE', 'ALIPAY_PUBLIC_KEY_FILE', 'ALIPAY_APP_CERT_FILE', 'ALIPAY_CERT_FILE',
  'ALIPAY_ROOT_CERT_FILE', 'ALIPAY_NOTIFY_URL', 'ALIPAY_RETURN_URL', 'ALIPAY_GATEWAY', 'WECHAT_LOGIN_BASE_URL', 'WECHAT_PAY_BASE_URL', 'WECHAT_MCH_CERT_FILE', 'PAYMENT_QUERY_GAP_S', 'ORDER_PAY_MINUTES', 'SHOP_NAME', 'SHOP_TZ',
  'CORS_ORIGINS', 'TRUSTED_PROXIES', 'REQUIRE_HTTPS', 'GATEWAY_PAGE_URL', 'GATEWAY_SECRET', 'GATEWAY_PREVIOUS_SECRET', 'GATEWAY_NOTIFY_URL', 'CLIENT_URL_HOSTS', 'CLIENT_NOTIFY_SECRET', 'PUBLIC_URL', 'PAYMENT_CREATE_PER_HOUR',
  ...Object.keys(RATE_LIMITS),
  'METRICS_ALLOW', 'METRICS_TOKEN',
];

// The secrets of one directory's shop, generated once.
export function shopSecrets(dir) {
  return keptJson(path.join(dir, 'secrets.json'), () => ({
    jwt: randomBytes(32).toString('hex'),
    gateway: randomBytes(32).toString('hex'),
    admin: randomBytes(9).toString('base64url'),
  }));
}

export function baseSettings(dir, secrets) {
  return {
    JWT_SECRET: secrets.jwt,
    SHOP_TZ: 'Asia/Shanghai',
    SHOP_NAME: '山野小铺',
    STATE_DIR: stateDirectory(dir),
    LOG_FILE: path.join(dir, 'log', 'requests.log'),
    ...RATE_LIMITS,
  };
}

// keys: of the simulator's makeKeys(); url: the simulator's own.
export function wechatSettings(keys, url, baseUrl) {
  return {
    WECHAT_APPID: keys.appid,
    WECHAT_SECRET: keys.secret,
    WECHAT_MCHID: keys.mchid,
    WECHAT_API_V3_KEY: keys.apiV3Key,
    WECHAT_MCH_SERIAL_NO: keys.merchantSerial,
    WECHAT_MCH_PRIVATE_KEY_FILE: keys.merchantPrivateKeyFile,
    WECHAT_PAY_PUBLIC_KEY_ID: keys.platformKeyId,
    WECHAT_PAY_PUBLIC_KEY_FILE: keys.platformPublicKeyFile,
    WECHAT_NOTIFY_URL: `${baseUrl}/api/payment/wxpay/notify`,
    WECHAT_LOGIN_BASE_URL: url,
    WECHAT_PAY_BASE_URL: url,
    PAYMENT_QUERY_GAP_S: '0',
    PAYMENT_SIMULATION: 'on',
    PENDING_ORDERS_MAX: '0', // here one customer acts as many
  };
}

export function alipaySettings(keys, url, baseUrl, { certificates = false }) {
  return {
    ALIPAY_APP_ID: keys.appId,
    ALIPAY_SELLER_ID: keys.sellerId,
    ALIPAY_PRIVATE_KEY_FILE: keys.appPrivateKeyFile,
    ...(certificates ? {
      ALIPAY_APP_CERT_FILE: keys.appCertificateFile,
      ALIPAY_CERT_FILE: keys.alipayCertificateFile,
      ALIPAY_ROOT_CERT_FILE: keys.alipayRootCertificateFile,
    } : { ALIPAY_PUBLIC_KEY_FILE: keys.alipayPublicKeyFile }),
    ALIPAY_NOTIFY_URL: `${baseUrl}/api/payment/alipay/notify`,
    ALIPAY_RETURN_URL: `${baseUrl}/`,
    ALIPAY_GATEWAY: `${url}/gateway.do`,
  };
}

export function gatewaySettings(keys, url, baseUrl) {
  return {
    GATEWAY_PAGE_URL: `${url}/pay`,
    GATEWAY_SECRET: keys.secret,
    GATEWAY_NOTIFY_URL: `${baseUrl}/v1/payment/notify`,
  };
}

// The real providers' settings, from the environment or the user's settings file, as the programs read them.
export function realSettings(environment) {
  const given = { ...readSettings(environment.MINIMALL_CONFIG), ...environment };
  const missing = PROVIDER_NAMES.filter((name) => !given[name]);
  if (missing.length > 0) {
    throw new Fault(`SANDBOX=off needs the real providers' settings, in the environment or in the file that `
      + `MINIMALL_CONFIG names. Missing: ${missing.join(', ')}`);
  }
  const names = [...PROVIDER_NAMES, ...OTHER_NAMES].filter((name) => given[name]);
  return { ...Object.fromEntries(names.map((name) => [name, given[name]])), PAYMENT_SIMULATION: 'off' };
}

function readSettings(file) {
  if (!file) return {};
  if (!existsSync(file)) throw new Fault(`MINIMALL_CONFIG names a file that does not exist: ${file}`);
  const lines = readFileSync(file, 'utf8').split('\n').map((line) => line.trim());
  return Object.fromEntries(lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const [, name, value] = /^([^=]*)=(.*)$/.exec(line) ?? [null, line, ''];
    return [name.trim(), value.trim().replace(/^(['"])(.*)\1$/, '$2')];
  }));
}

export function writeSettings(file, values) {
  const lines = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  const odd = lines.find(([, value]) => /[\n\r]/.test(value));
  if (odd) throw new Fault(`the setting ${odd[0]} has more than one line`);
  writePrivate(file, lines.map(([name, value]) => `${name}=${value}\n`).join(''));
}
