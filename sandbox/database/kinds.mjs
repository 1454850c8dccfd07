// SPDX-License-Identifier: MIT
// The kinds of database server that start.mjs can start: their programs, options, and how their files and accounts are
// created. Chosen by DB in the environment.
//   data        the directory of its files
//   suffix      of the name of a database that `make run` keeps: what is stored outside the server uses that name too, and
//               a shop on one kind of server shares nothing with one on another
//   find        how to start the server: { command, options, root }, after fetching it if possible; root is a
//               directory that it must be able to read, or null. Throws Unavailable when there is none
//   create      the command that creates the files of a new server in a directory
//   options     of every start; lazy: those of a server with temporary data, which need not wait for the disk
//   ready       whether it serves on its socket; by default, one that sends a greeting does
//   peer        how an account is identified by the user who runs the client

import { Fault } from '../files.mjs';
import { findMysql } from './mysql.mjs';

const COMMON = ['--skip-networking', '--skip-name-resolve', '--character-set-server=utf8mb4', '--max-connections=300',
  '--innodb-buffer-pool-size=64M', '--key-buffer-size=1M', '--performance-schema=OFF'];

const mariadb = {
  name: 'mariadb',
  data: 'data',
  suffix: '',
  find: async () => ({ command: ['mariadbd'], options: [], root: null }),
  create: ({ data, tmp, user }) => ['mariadb-install-db', '--no-defaults', `--datadir=${data}`, `--tmpdir=${tmp}`,
    '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve',
    '--force', // even if the host's own name cannot be resolved
    ...(user ? [`--user=${user}`] : [])],
  options: [...COMMON, '--innodb-log-file-size=48M', '--aria-pagecache-buffer-size=8M'],
  lazy: ['--innodb-flush-log-at-trx-commit=2'],
  peer: 'IDENTIFIED VIA unix_socket',
};

const mysql = {
  name: 'mysql',
  data: 'data-mysql',
  suffix: '_mysql',
  find: findMysql,
  create: ({ data, tmp, user, found }) => [...found.command, '--no-defaults', '--initialize-insecure', ...found.options,
    `--datadir=${data}`, `--tmpdir=${tmp}`, '--innodb-redo-log-capacity=48M', ...(user ? [`--user=${user}`] : [])],
  options: [...COMMON, '--innodb-redo-log-capacity=48M', '--mysqlx=OFF', '--secure-file-priv=', '--disable-log-bin',
    '--plugin-load-add=auth_socket.so'],
  lazy: ['--innodb-flush-log-at-trx-commit=2', '--innodb-doublewrite=OFF'],
  peer: 'IDENTIFIED WITH auth_socket',
};

const kinds = { mariadb, mysql, galera: mariadb }; // the nodes of a cluster started by galera.mjs

export function serverKind(name = process.env.DB || 'mariadb') {
  const kind = kinds[name];
  if (kind === undefined) throw new Fault(`DB=${name}: the database servers are ${Object.keys(kinds).join(', ')}`);
  return kind;
}
