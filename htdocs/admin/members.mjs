// SPDX-License-Identifier: MIT
// Members: the list, and one with its level, points and log, to freeze, thaw and upgrade.

import { address, hashOf } from '../common/address.mjs';
import { h } from '../common/dom.mjs';
import { showYuan } from '../common/money.mjs';
import { showTime } from '../common/time.mjs';
import { atMost, makeFilter } from './form.mjs';
import { facts, makeList, tabs } from './list.mjs';
import { call } from './session.mjs';
import { stepButtons } from './steps.mjs';

const SYSTEM = '/api/v1/member-system';
const STATUS = { 0: ['已冻结', 'act'], 1: ['正常', 'good'], 2: ['已注销', 'still'] };
const ACTIVE = 1;
const CLOSED = 2;
const ACTIONS = {
  freeze: '冻结', thaw: '解冻', upgrade: '升级', member_code: '改会员编号', earn: '发放积分', use: '使用积分', recalculate: '重新计算',
};
const OPERATORS = { administrator: '管理员', system: '系统', command: '命令行' };

const memberHash = (id) => hashOf(`members/${id}`);
const badge = (status) => h('span', { class: `badge ${STATUS[status]?.[1] ?? 'still'}` }, STATUS[status]?.[0] ?? status);

const COLUMNS = [
  { label: '会员', className: 'main', cell: (m) => [h('a', { href: memberHash(m.member_id) }, m.nickname), ' ', h('span', { class: 'hint code' }, m.member_code)] },
  { label: '手机', cell: (m) => m.phone ?? '—' },
  { label: '邮箱', className: 'wide', cell: (m) => m.email ?? '—' },
  { label: '等级', cell: (m) => m.level.name },
  { label: '累计消费', className: 'number', cell: (m) => showYuan(m.total_spent) },
  { label: '状态', cell: (m) => badge(m.status) },
  { label: '最近活跃', className: 'time', cell: (m) => showTime(m.last_active) },
];

const levelsOf = async (signal) => (await call('GET', `${SYSTEM}/levels`, { signal })).body;

export async function listMembers({ query, signal, go }) {
  const filter = Object.fromEntries(['level', 'status', 'q'].map((name) => [name, query.get(name) ?? '']));
  const [levels, list] = await Promise.all([levelsOf(signal), makeList({
    caption: '会员', columns: COLUMNS, signal, nothing: '没有符合条件的会员。',
    first: address(`${SYSTEM}/members`, { ...filter, limit: 30 }),
  })]);
  return {
    title: '会员',
    body: [
      tabs('等级', [['', '全部'], ...levels.map(({ id, name }) => [`${id}`, name])], filter.level, (level) => hashOf('members', { ...filter, level })),
      makeFilter({
        submit: '搜索',
        fields: [
          { name: 'q', label: '编号、昵称、手机或邮箱', type: 'search', value: filter.q, check: atMost(100) },
          {
            name: 'status', label: '状态', type: 'select', value: filter.status,
            choices: [['', '未注销'], ...Object.entries(STATUS).map(([value, [text]]) => [value, text])],
          },
        ],
        buttons: [h('a', { class: 'button', href: hashOf('members') }, '清除')],
        save: (values) => go(hashOf('members', { ...filter, ...values })),
      }),
      list,
    ],
  };
}

const reason = { name: 'reason', label: '原因', required: true, check: atMost(500) };
const put = (status) => ({ member_id: id }, { reason: why }) => ['PUT', `${SYSTEM}/members/${id}`, { status, reason: why }];
const FREEZE = {
  label: '冻结', tone: 'danger', done: '会员已冻结', request: put(0),
  question: () => ({ title: '冻结会员', danger: true, submit: '冻结', text: '冻结后不能获得和使用积分，直到解冻。', fields: [reason] }),
};
const THAW = { label: '解冻', done: '会员已解冻', request: put(1), question: () => ({ title: '解冻会员', submit: '解冻', fields: [reason] }) };

// Only to higher levels; whether the threshold is met is for the shop to decide.
function upgradeTo(levels) {
  return {
    label: '升级', done: '会员已升级',
    question: () => ({
      title: '升级会员', submit: '升级', text: '需要达到目标等级的门槛（累计积分，或累计消费的元数）。升级后不会自动降级。',
      fields: [{ name: 'target_level_id', label: '目标等级', type: 'select', required: true, value: levels[0].id,
        choices: levels.map(({ id, name, min_points: points }) => [id, `${name}（${points} 起）`]) }, reason],
    }),
    request: ({ member_id: id }, { target_level_id: level, reason: why }) => (
      ['POST', `${SYSTEM}/levels/${id}/upgrade`, { target_level_id: Number(level), reason: why }]),
  };
}

function stepsOf({ level, profile: { status } }, levels) {
  if (status === CLOSED) return [];
  const own = levels.findIndex(({ id }) => id === level.id);
  const higher = levels.slice(own + 1);
  return status === ACTIVE ? [...(higher.length > 0 ? [upgradeTo(higher)] : []), FREEZE] : [THAW];
}

const LOG = [
  { label: '时间', className: 'time', cell: (e) => showTime(e.created_at) },
  { label: '操作', className: 'main', cell: (e) => ACTIONS[e.action] ?? e.action },
  { label: '变化', cell: (e) => (e.old_value ?? e.new_value) === null ? '—' : `${e.old_value ?? ''} → ${e.new_value ?? ''}` },
  { label: '原因', className: 'wide', cell: (e) => e.reason ?? '—' },
  { label: '操作者', cell: (e) => `${OPERATORS[e.operator_type] ?? e.operator_type}${e.operator_id === null ? '' : ` ${e.operator_id}`}` },
];

export async function showMember({ params: [id], signal, go, reload }) {
  const [{ body: member }, levels, log] = await Promise.all([
    call('GET', `${SYSTEM}/members/${id}`, { signal }), levelsOf(signal),
    makeList({ caption: '操作日志', columns: LOG, signal, nothing: '还没有操作。', first: address(`${SYSTEM}/members/${id}/log`, { limit: 30 }) }),
  ]);
  return {
    title: '会员详情',
    heading: [h('span', { class: 'code' }, member.member_code), ' ', badge(member.profile.status)],
    back: { href: hashOf('members'), text: '全部会员' },
    body: [
      stepButtons(stepsOf(member, levels), member, { reload, leave: () => go(hashOf('members')) }),
      facts(rowsOf(member)),
      h('h2', {}, '操作日志'),
      log,
    ],
  };
}

function rowsOf({ user_id: user, level, points, profile }) {
  const { newsletter, sms_notification: sms, promotion_notification: promotion } = profile.preferences;
  const wants = [newsletter && '邮件', sms && '短信', promotion && '促销'].filter(Boolean);
  return [
    ['用户', profile.status === CLOSED ? `用户 ${user}（已删除）` : h('a', { href: hashOf(`users/${user}`) }, `用户 ${user}`)],
    ['等级', level.name],
    ['积分', points.current],
    ['累计获得', points.total_earned],
    ['累计使用', points.total_used],
    ['累计消费', showYuan(profile.total_spent)],
    ['生日', profile.birthday],
    ['通知', wants.join('、')],
    ['加入日期', profile.join_date],
    ['最近活跃', showTime(profile.last_active)],
  ];
}
