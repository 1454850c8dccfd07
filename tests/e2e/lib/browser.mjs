// SPDX-License-Identifier: MIT
// Helpers of the tests of htdocs/: a shop, a browser, and user actions.
//
//   const { shop, openAdmin } = await openPages();
//   const { page } = await openAdmin(t, '#/orders');       // a tab with the administrator signed in
//   await press(page, '筛选');
//
// Any error in a page's console, including violations of the Content-Security-Policy, fails the test.

import { after } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { openShop } from './harness.mjs';
import { withinMs } from '../../../sandbox/process.mjs';
import { faultsOf } from './openapi.mjs';

const CHROMIUM = '/usr/bin/chromium';
const BODIES_MS = 3000; // Chromium may never deliver the body of a response that its page left while reading it
const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };
export const NASTY = '<script>alert(1)</script>🧧';

// A browser that ends with the file's tests.
export async function openBrowser() {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: sh sandbox/install.sh --test installs it`);
  const { chromium } = createRequire(new URL('../../../sandbox/package.json', import.meta.url))('playwright-core');
  const server = await chromium.launchServer({
    executablePath: CHROMIUM,
    headless: false, // the new headless mode is a separate argument
    args: [
      '--no-sandbox', '--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });
  // Not close(): on a busy machine that may wait for the browser forever.
  after(() => server.kill());
  return chromium.connect(server.wsEndpoint());
}

export async function openPages() {
  const shop = await openShop();
  const browser = await openBrowser();
  const chrome = await browser.newContext({ baseURL: shop.baseUrl, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' });
  chrome.setDefaultTimeout(15_000);

  // A new tab, watched to the end of the test. expected: console errors that the test expects.
  async function openTab(t, { viewport = DESKTOP, expected = [] } = {}) {
    const page = await chrome.newPage();
    const complaints = [];
    const read = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('response', (response) => read.push(checked(response, complaints)));
    page.on('dialog', (dialog) => {
      complaints.push(`a dialog of the browser says ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.setViewportSize(viewport);
    t.after(async () => {
      await withinMs(Promise.all(read), BODIES_MS);
      await page.close();
      assert.deepEqual(complaints.filter((text) => !expected.some((one) => one.test(text))), []);
    });
    return { page, complaints };
  }

  async function fillSignIn(page, { account, password } = shop.adminAccount) {
    await page.getByLabel('邮箱或手机号').fill(account);
    await page.getByLabel('密码').fill(password);
    await page.getByRole('button', { name: '登录' }).click();
  }

  // The admin pages with the administrator signed in, at the given page.
  async function openAdmin(t, hash = '#/orders', options = {}) {
    const { page, complaints } = await openTab(t, options);
    await page.goto(`/admin/${hash}`);
    await fillSignIn(page);
    await page.getByRole('navigation', { name: '主导航' }).waitFor();
    await page.locator('main:not([aria-busy]) .head').waitFor();
    return { page, complaints };
  }

  return { shop, openTab, openAdmin, fillSignIn };
}

// Compares what a page received with docs/openapi.json. The body of a response that the page has left is gone.
async function checked(response, complaints) {
  const headers = response.headers();
  const text = await response.text().catch(() => null);
  if (text === null) return;
  const method = response.request().method();
  const address = response.url();
  const faults = faultsOf({ method, address, status: response.status(), header: (name) => headers[name], text });
  complaints.push(...faults.map((fault) => `${method} ${address}: ${fault}`));
}

// The browser itself logs such responses in the console.
export const answered = (status) => new RegExp(`^Failed to load resource: the server responded with a status of ${status} `);

export const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor(); // part of the name is enough
export const said = (page, text) => page.locator('#said').getByText(text).waitFor();
export const press = (scope, name) => scope.getByRole('button', { name, exact: true }).click();
export const tokenOf = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem('minimall.session')).token);
export const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
