// SPDX-License-Identifier: MIT
// The database servers that end-to-end tests run on (DB), and which files each of them runs.
//   all     whether a file belongs to a run of all of them
//   brief   the files of BRIEF=1, which .ci/run asks for; without it, all
// A file named galera-….test.mjs is for that server alone.

const ofGalera = (name) => name.startsWith('galera-');

// What exercises pages, simulators, starters and texts rather than our C, which is what the sanitizers (MODE=asan) look at.
// start.test.mjs isn't here: .ci/run has it alone to look at the pages, and at every address, behind Apache.
const NOT_C = [
  'admin-membership.test.mjs', 'admin.test.mjs', 'databases.test.mjs', 'deploy.test.mjs', 'readme.test.mjs', 'sandbox-certificates.test.mjs',
  'sandbox-faults.test.mjs', 'sandbox-play.test.mjs', 'sandbox-refund.test.mjs', 'sandbox.test.mjs', 'strays.test.mjs', 'workers.test.mjs',
];

export const LEGS = {
  mariadb: { all: (name) => !ofGalera(name) },
  galera: { all: ofGalera },
  // Brief: the files that are heavy on SQL, with locks, lists, plans and each kind of statement that changes money.
  mysql: {
    all: (name) => !ofGalera(name),
    brief: [
      'audit.test.mjs', 'card-lists.test.mjs', 'card-payment.test.mjs', 'catalog.test.mjs', 'cli.test.mjs', 'concurrency.test.mjs',
      'connections.test.mjs', 'databases.test.mjs', 'jobs.test.mjs', 'membership-orders.test.mjs', 'membership-races.test.mjs',
      'orders.test.mjs', 'paging.test.mjs',
      'refunds.test.mjs', 'resilience.test.mjs', 'settle.test.mjs', 'statements.test.mjs', 'stock.test.mjs', 'users.test.mjs',
    ],
  },
};

// The files, of those that there are, that a run on this server consists of.
export function filesOf(db, names, { brief = false, sanitized = false } = {}) {
  const leg = LEGS[db];
  const missing = [...NOT_C, ...leg.brief ?? []].filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`legs.mjs names files that are not there: ${missing.join(', ')}`);
  const wanted = sanitized ? names.filter((name) => !NOT_C.includes(name)) : names;
  return wanted.filter((name) => (brief && leg.brief ? leg.brief.includes(name) : leg.all(name)));
}
