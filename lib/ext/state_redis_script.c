/* SPDX-License-Identifier: MIT */
/*
 * state_redis_script.c - what runs on the server: an operation of the home is one script, and so one step for all clients.
 * For Redis 5 and later, and Valkey.
 *
 * KEYS[1] is the hash of the marks of this run of the server (state_redis.c), the others are those of records. ARGV[1] is the
 * time, "" for the server's own. The scripts follow state.c and state_limit.c, in the server's memory:
 *
 *   mark    field "F:" family or "S:" slot: stamp, until when it is closed, for how long it was
 *   value   stamp, when it expires, after how long, bytes          counter  the same with the count
 *   limit   stamp ";" moments of 15 digits each, ascending, or stamp "=" when the window began, and the count
 *
 * Marks that were lost are not told from those that never were: so for as long as a key may be held (STATE_HOLD_MAX_MS),
 * new marks are closed, all of them. Every reply begins with the time, and has no other: only what is left until then.
 */
#include "ext/state_redis_internal.h"

/* clang-format off */
#define PRELUDE \
	"local SKEW, MARKS_MS, HELD_MS, PX_MAX, LOG_MAX = 60000, 86400000, 30000, 1e12, 100\n" \
	"local now, marks, at = tonumber(ARGV[1]), KEYS[1], 1\n" \
	"if not now then\n" \
	"  local t = redis.call('TIME')\n" \
	"  now = t[1] * 1000 + math.floor(t[2] / 1000)\n" \
	"end\n" \
	"local function arg() at = at + 1 return ARGV[at] end\n" \
	"local function number() return tonumber(arg()) end\n" \
	"local function text(n) return string.format('%.0f', n) end\n" \
	"local function px(ms) return text(math.max(1, math.min(ms, PX_MAX))) end\n" \
	"local function stamp_of(field)\n" \
	"  local mark = redis.call('HGET', marks, field)\n" \
	"  return mark and string.match(mark, '^%S+')\n" \
	"end\n" \
	"local function set_mark(field, stamp, ends, ttl)\n" \
	"  redis.call('HSETNX', marks, 'born', text(now))\n" \
	"  redis.call('HSET', marks, field, stamp .. ' ' .. text(ends) .. ' ' .. text(ttl))\n" \
	"  redis.call('PEXPIRE', marks, MARKS_MS)\n" \
	"end\n"

/* fresh stamp; of each cell its kind and field or key: the marks' stamps and how long they are still closed, and values */
#define READ \
	"local fresh, out, closed = arg(), { text(now) }, nil\n" \
	"local function left_closed()\n" \
	"  if not closed then\n" \
	"    local born = redis.call('HGET', marks, 'born')\n" \
	"    if not born then\n" \
	"      born = text(now)\n" \
	"      redis.call('HSET', marks, 'born', born)\n" \
	"      redis.call('PEXPIRE', marks, MARKS_MS)\n" \
	"    end\n" \
	"    closed = math.min(tonumber(born) + HELD_MS - now, HELD_MS)\n" \
	"  end\n" \
	"  return closed\n" \
	"end\n" \
	"while at < #ARGV do\n" \
	"  local kind, ref = arg(), arg()\n" \
	"  if kind == 'v' then\n" \
	"    out[#out + 1] = redis.call('GET', KEYS[tonumber(ref)])\n" \
	"  else\n" \
	"    local mark = redis.call('HGET', marks, ref)\n" \
	"    if not mark then\n" \
	"      mark = string.sub(fresh, 1, kind == 'F' and 10 or 16) .. ' 0 0'\n" \
	"      redis.call('HSET', marks, ref, mark)\n" \
	"    end\n" \
	"    local stamp, ends, ttl = string.match(mark, '^(%S+) (%S+) (%S+)$')\n" \
	"    out[#out + 1] = stamp .. ' ' .. text(math.max(math.min(ends - now, tonumber(ttl)), left_closed()))\n" \
	"  end\n" \
	"end\n" \
	"return out\n"

/* what must be unchanged: n, field and stamp of each; what to store: kind, field or key, stamp, for how long or -1 to delete,
 * a counter's addition, a value's bytes or a counter's family of each */
#define WRITE \
	"local function put_mark(field, stamp, ttl)\n" \
	"  local ends = now + ttl\n" \
	"  local mark = redis.call('HGET', marks, field)\n" \
	"  local _, kept, kept_ttl = string.match(mark or '', '^(%S+) (%S+) (%S+)$')\n" \
	"  kept, kept_ttl = tonumber(kept), tonumber(kept_ttl)\n" \
	"  if kept and kept > ends and kept - now - SKEW <= kept_ttl then ends, ttl = kept, kept_ttl end\n" \
	"  set_mark(field, stamp, ends, ttl)\n" \
	"  return text(ends - now)\n" \
	"end\n" \
	"local function put_value(key, stamp, ttl, bytes)\n" \
	"  redis.call('SET', key, stamp .. ' ' .. text(now + ttl) .. ' ' .. text(ttl) .. ' ' .. bytes, 'PX', px(ttl))\n" \
	"  return ''\n" \
	"end\n" \
	"local function add(key, family, ttl, n)\n" \
	"  local stamp, ends, count = stamp_of('F:' .. family) or '0', now + ttl, 0\n" \
	"  local kept = redis.call('GET', key)\n" \
	"  local s, e, t, k = string.match(kept or '', '^(%S+) (%S+) (%S+) (%S+)$')\n" \
	"  e, t = tonumber(e), tonumber(t)\n" \
	"  if s == stamp and e > now and e - now - SKEW <= t then ends, ttl, count = e, t, tonumber(k) end\n" \
	"  count = math.max(math.min(count + n, 2 ^ 63), -2 ^ 63)\n" \
	"  if n ~= 0 then\n" \
	"    redis.call('SET', key, stamp .. ' ' .. text(ends) .. ' ' .. text(ttl) .. ' ' .. text(count), 'PX', px(ends - now))\n" \
	"  end\n" \
	"  return text(ends - now) .. ' ' .. text(count)\n" \
	"end\n" \
	"for _ = 1, number() do\n" \
	"  local field, stamp = arg(), arg()\n" \
	"  if stamp_of(field) ~= stamp then return { text(now), '0' } end\n" \
	"end\n" \
	"local out = { text(now), '1' }\n" \
	"while at < #ARGV do\n" \
	"  local kind, ref, stamp, ttl, n, bytes = arg(), arg(), arg(), number(), number(), arg()\n" \
	"  local done = ''\n" \
	"  if kind == 'F' or kind == 'S' then\n" \
	"    done = put_mark(ref, stamp, ttl)\n" \
	"  elseif ttl < 0 then\n" \
	"    redis.call('DEL', KEYS[tonumber(ref)])\n" \
	"  elseif kind == 'v' then\n" \
	"    done = put_value(KEYS[tonumber(ref)], stamp, ttl, bytes)\n" \
	"  else\n" \
	"    done = add(KEYS[tonumber(ref)], bytes, ttl, n)\n" \
	"  end\n" \
	"  out[#out + 1] = done\n" \
	"end\n" \
	"return out\n"

#define LOG \
	"local WIDTH = 15\n" \
	"local function moment(log, i) return tonumber(string.sub(log, WIDTH * (i - 1) + 1, WIDTH * i)) end\n" \
	"local function first_after(log, ms)\n" \
	"  local low, high = 1, #log / WIDTH + 1\n" \
	"  while low < high do\n" \
	"    local middle = math.floor((low + high) / 2)\n" \
	"    if moment(log, middle) > ms then high = middle else low = middle + 1 end\n" \
	"  end\n" \
	"  return low\n" \
	"end\n" \
	"local function without(log, i, n) return string.sub(log, 1, WIDTH * (i - 1)) .. string.sub(log, WIDTH * (i + n - 1) + 1) end\n" \
	"local function load(key, family)\n" \
	"  local stamp = stamp_of('F:' .. family) or '0'\n" \
	"  local kept, kind, rest = string.match(redis.call('GET', key) or '', '^(%x+)([;=])(.*)$')\n" \
	"  if kept ~= stamp then return stamp, nil, '' end\n" \
	"  return stamp, kind, rest\n" \
	"end\n"

/*
 * family, maximum, window, the free and their window of each limit: whether all are admitted; of each the count, the age of the
 * oldest, and how many free ones are left
 */
#define ADMIT \
	"local function count_log(l, log)\n" \
	"  local n = #log / WIDTH\n" \
	"  if n > 0 and moment(log, n) > now + SKEW then log, n = '', 0 end\n" \
	"  l.log, l.spare = log, math.max(l.free - (n + 1 - first_after(log, now - l.free_ms)), 0)\n" \
	"  l.count = math.min(n + 1 - first_after(log, now - l.window), l.spare > 0 and l.max - 1 or l.max)\n" \
	"  l.oldest = l.count > 0 and moment(log, n + 1 - l.count) or now\n" \
	"end\n" \
	"local function count_window(l, kind, rest)\n" \
	"  local start, count = string.match(rest, '^(%d+) (%d+)$')\n" \
	"  start = kind == '=' and tonumber(start)\n" \
	"  l.oldest, l.count, l.spare = now - now % l.window, 0, 0\n" \
	"  if start and start >= l.oldest and start <= now + SKEW then l.oldest, l.count = start, tonumber(count) end\n" \
	"end\n" \
	"local function add(l)\n" \
	"  local rest, latest\n" \
	"  if l.max > LOG_MAX then\n" \
	"    rest, latest = '=' .. text(l.oldest) .. ' ' .. text(l.count + 1), l.oldest\n" \
	"  else\n" \
	"    local n, keep = #l.log / WIDTH, math.max(l.max, l.free)\n" \
	"    local log = n >= keep and without(l.log, 1, n - keep + 1) or l.log\n" \
	"    local place = WIDTH * (first_after(log, now) - 1)\n" \
	"    log = string.sub(log, 1, place) .. string.format('%015.0f', now) .. string.sub(log, place + 1)\n" \
	"    rest, latest = ';' .. log, moment(log, #log / WIDTH)\n" \
	"  end\n" \
	"  redis.call('SET', l.key, l.stamp .. rest, 'PX', px(latest + math.max(l.window, l.free_ms) + SKEW - now))\n" \
	"end\n" \
	"local limits, admitted = {}, true\n" \
	"for i = 2, #KEYS do\n" \
	"  local l = { key = KEYS[i], family = arg(), max = number(), window = number(), free = number(), free_ms = number() }\n" \
	"  local stamp, kind, rest = load(l.key, l.family)\n" \
	"  l.stamp = stamp\n" \
	"  if l.max > LOG_MAX then count_window(l, kind, rest) else count_log(l, kind == ';' and rest or '') end\n" \
	"  admitted = admitted and l.count < l.max\n" \
	"  limits[#limits + 1] = l\n" \
	"end\n" \
	"local out = { text(now), admitted and '1' or '0' }\n" \
	"for _, l in ipairs(limits) do\n" \
	"  if admitted then add(l) end\n" \
	"  out[#out + 1] = text(l.count) .. ' ' .. text(now - l.oldest) .. ' ' .. text(l.spare)\n" \
	"end\n" \
	"return out\n"

/* family and moment of each limit */
#define WITHDRAW \
	"for i = 2, #KEYS do\n" \
	"  local family, ms = arg(), number()\n" \
	"  local stamp, kind, log = load(KEYS[i], family)\n" \
	"  local last = kind == ';' and first_after(log, ms) - 1 or 0\n" \
	"  if last > 0 and moment(log, last) == ms then\n" \
	"    local left = redis.call('PTTL', KEYS[i])\n" \
	"    redis.call('SET', KEYS[i], stamp .. ';' .. without(log, last, 1), 'PX', px(left))\n" \
	"  end\n" \
	"end\n" \
	"return { text(now) }\n"

const char *const redis_scripts[REDIS_SCRIPTS] = {
	[REDIS_READ] = PRELUDE READ,
	[REDIS_WRITE] = PRELUDE WRITE,
	[REDIS_ADMIT] = PRELUDE LOG ADMIT,
	[REDIS_WITHDRAW] = PRELUDE LOG WITHDRAW,
};
/* clang-format on */
