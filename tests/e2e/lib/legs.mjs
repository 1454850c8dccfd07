// SPDX-License-Identifier: MIT
// The database servers that end-to-end tests run on (DB), and which files run on each of them.
//   all     whether a file belongs to a full run
//   brief   the files of BRIEF=1, as in .ci/run; without it, all
// A file named galera-….test.mjs is only for that server.

const ofGalera = (name) => name.startsWith('galera-');

// Files that exercise pages, simulators, launchers and texts rather than our C, which the sanitizers (MODE=asan) check.
// start.test.mjs isn't one: in .ci/run only it tests the pages, and every path, behind Apache.
const NOT_C = [
  'costs.test.mjs', // its limits are those of a release build
  'admin-members.test.mjs', 'admin-membership.test.mjs', 'admin-money.test.mjs', 'admin-reconciliations.test.mjs', 'admin.test.mjs', 'alerts.test.mjs', 'alipay-cashier.test.mjs', 'bench.test.mjs', 'databases.test.mjs', 'deploy.test.mjs', 'gateway-page.test.mjs', 'openapi-document.test.mjs', 'pay-code.test.mjs', 'readme.test.mjs', 'sandbox-alipay.test.mjs',
  'sandbox-alipay-bill.test.mjs', 'sandbox-alipay-faults.test.mjs', 'sandbox-certificates.test.mjs', 'sandbox-faults.test.mjs', 'sandbox-gateway.test.mjs', 'sandbox-play.test.mjs', 'sandbox-refund.test.mjs', 'sandbox-shop.test.mjs', 'sandbox-wechat-bill.test.mjs', 'sandbox.test.mjs', 'strays.test.mjs', 'workers.test.mjs',
];

export const LEGS = {
  mariadb: { all: (name) => !ofGalera(name) },
  galera: { all: ofGalera },
  // Brief: the SQL-heavy files, with locks, lists, plans and each kind of statement that changes money.
  mysql: {
    all: (name) => !ofGalera(name),
    brief: [
      'audit.test.mjs', 'card-lists.test.mjs', 'card-payment.test.mjs', 'catalog.test.mjs', 'cli.test.mjs', 'concurrency.test.mjs',
      'connections.test.mjs', 'databases.test.mjs', 'jobs.test.mjs', 'members.test.mjs', 'membership-orders.test.mjs', 'membership-races.test.mjs',
      'orders.test.mjs', 'oversight.test.mjs', 'paging.test.mjs', 'points.test.mjs', 'points-random.test.mjs',
      'reconcile.test.mjs', 'refunds.test.mjs', 'resilience.test.mjs', 'settle.test.mjs', 'statements.test.mjs', 'stock.test.mjs', 'users.test.mjs',
    ],
  },
};

// Of all files, those that run on this server.
export function filesOf(db, names, { brief = false, sanitized = false } = {}) {
  const leg = LEGS[db];
  const missing = [...NOT_C, ...leg.brief ?? []].filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`legs.mjs names files that are not there: ${missing.join(', ')}`);
  const wanted = sanitized ? names.filter((name) => !NOT_C.includes(name)) : names;
  return wanted.filter((name) => (brief && leg.brief ? leg.brief.includes(name) : leg.all(name)));
}
