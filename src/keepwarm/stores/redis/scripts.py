"""The Lua scripts: each changes metadata atomically, all on the one slot of `{namespace}`.

KEYS[1] is the epoch, KEYS[2] the position, KEYS[3] the registry of holders, KEYS[4] the notes
of marks; further keys and arguments are told at each script. ARGV[1] is always fresh
randomness from the caller: the server's generator is never used. Values are those of
`core.stamps`. A key of another type counts as missing.

A lost epoch or position begins a new epoch, and with it everything is cold: neither can
be told apart from a store that was flushed. The epoch also names the server it was made
on (run id and replication id), and `RENEW`, which every connection begins with, begins a
new one on any other server, so that an old snapshot or a failover and back revives nothing.
The epoch says when it began, in milliseconds of the store's clock: for D from then on, any
stamp may be of before a mark that a writer relies on, and is replaced by one on trial.

The notes of marks know, for each stamp, how long the latest mark in it may live, and since
when they are kept. A stamp that comes from nothing is on trial for so long, which mostly is
not at all. They spare trials and nothing else: where this user may not write them, or the
server does not say who it is and may be another one unnoticed, it is D. See
decisions/0021-notes-of-marks.md.

A change that may end what a near tier holds is announced on the channel `{namespace}:told`,
numbered without gaps, in the same script: who is subscribed on the connection on which he
renews his lease cannot miss one without noticing. See decisions/0007-announcements.md. A
writer's leaving ends nothing in a near tier and has no number, but is told, too: browsers
may show what was there before his commit. See decisions/0014-live.md.
"""

from dataclasses import dataclass
from hashlib import sha1

_PRELUDE = """
local function get(key)
  local v = redis.pcall('GET', key)
  if type(v) == 'table' then redis.call('DEL', key) return false end
  return v
end
local function int(n) return string.format('%.0f', n) end
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function identity()
  local server = redis.pcall('INFO', 'server')
  local replication = redis.pcall('INFO', 'replication')
  if type(server) ~= 'string' or type(replication) ~= 'string' then return '-' end
  local run = string.match(server, 'run_id:(%w+)')
  local repl = string.match(replication, 'master_replid:(%w+)')
  if not run or not repl then return '-' end
  return run .. '/' .. repl
end
local is_identified = false
local function begin(random)
  local here, at = identity(), clock()
  is_identified = here ~= '-'
  local epoch = random .. ' 0 ' .. here .. ' ' .. int(at)
  redis.call('SET', KEYS[1], epoch)
  redis.call('SET', KEYS[2], random .. ' 0 0')
  return random, 0, epoch, 0, at
end
local function opened(epoch)
  local nonce, on, since = string.match(epoch or '', '^(%S+) %d+ (%S+) (%d+)$')
  since = tonumber(since or '')
  -- An instant to come is of another clock, or none at all.
  if not since or since > clock() then return nil end
  is_identified = on ~= '-'
  return nonce, since
end
local function now(random)
  local epoch = get(KEYS[1])
  local pos = get(KEYS[2])
  local nonce, since = opened(epoch)
  if nonce and pos then
    local incarnation, n, told = string.match(pos, '^(%S+) (%d+) (%d+)$')
    -- Past 2^53 n + 1 is n, and would prove anything.
    if incarnation == nonce and #n < 16 and #told < 16 then
      return nonce, tonumber(n), epoch, tonumber(told), since
    end
  end
  -- Without it nobody can tell whether the registry is of this server or of an old snapshot.
  redis.call('DEL', KEYS[3])
  return begin(random)
end
local function moved(nonce, n, told)
  redis.call('SET', KEYS[2], nonce .. ' ' .. int(n) .. ' ' .. int(told))
end
local function parse(raw)
  if not raw then return nil end
  local nonce, soft, born, provisional, writers =
    string.match(raw, '^(%S+) (%S+) (%d+) (%d+) (%S+)$')
  if not nonce or #born > 15 or #provisional > 15 then return nil end
  return {nonce, soft, tonumber(born), tonumber(provisional), writers}
end
local function join(s)
  return s[1] .. ' ' .. s[2] .. ' ' .. int(s[3]) .. ' ' .. int(s[4]) .. ' ' .. s[5]
end
local function marks(writers, at)
  local kept = {}
  if writers ~= '-' then
    for mark in string.gmatch(writers, '[^,]+') do
      local ends = tonumber(string.match(mark, '@(%d+)$'))
      if ends and ends > at then kept[#kept + 1] = mark end
    end
  end
  return #kept > 0 and table.concat(kept, ',') or '-'
end
local function is_due(s, at, since, d)
  -- At the end of a trial a living writer's mark must not go with it.
  if s[5] ~= '-' then return marks(s[5], at) == '-' end
  -- No trial lasts longer than D by one clock.
  if s[4] > 0 and (s[4] <= at or s[4] > at + d) then return true end
  return at < since + d and s[4] < since + d
end
local function prefix() return string.sub(KEYS[1], 1, -6) end
local function name(i) return string.sub(KEYS[i], string.len(prefix()) + 1) end
local function score(member)
  local found = redis.pcall('ZSCORE', KEYS[4], member)
  return type(found) == 'string' and tonumber(found) or 0
end
local function notes(at)
  if not is_identified then return at end
  local since = -score('since')
  if since > 0 and since <= at then return since end
  redis.pcall('DEL', KEYS[4])
  redis.pcall('ZADD', KEYS[4], int(-at), 'since')
  return at
end
local function note(at, ends)
  if not is_identified then redis.pcall('DEL', KEYS[4]) return end
  notes(at)
  -- Below 0 is only since when they are kept. What is not whole is not kept.
  local done = redis.pcall('ZREMRANGEBYSCORE', KEYS[4], 0, int(at))
  for i = 5, #KEYS do
    if type(done) == 'table' then break end
    done = redis.pcall('ZADD', KEYS[4], int(ends), name(i))
  end
  if type(done) == 'table' then redis.pcall('DEL', KEYS[4]) end
end
local function trial(i, s, at, since, d)
  local ends = since + d
  if s then
    ends = math.max(ends, math.min(s[4], at + d))
  else
    ends = math.max(ends, notes(at) + d, math.min(score(name(i)), at + d))
  end
  return ends > at and ends or 0
end
local function announce(...)
  redis.pcall('SPUBLISH', prefix() .. 'told', table.concat({...}, ' '))
end
local function registry(random)
  local all = redis.pcall('HGETALL', KEYS[3])
  if all.err then redis.call('DEL', KEYS[3]) all = {} end
  for i = 1, #all, 2 do
    if all[i] == 'is' then return all end
  end
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[3], 'is', random .. ' 0')
  return {'is', random .. ' 0'}
end
local function names(from)
  local found = {}
  for i = from, #KEYS do found[#found + 1] = name(i) end
  return table.concat(found, ',')
end
"""


@dataclass(frozen=True, slots=True)
class Script:
    text: str
    sha: str


def _script(body: str) -> Script:
    text = _PRELUDE + body
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# ARGV: -, holder or '', its incarnation, its next one -> {epoch, position, 1 if the
# incarnation was known, registry, milliseconds}. The heartbeat: always a write.
RENEW = _script("""
local nonce, n, epoch, told = now(ARGV[1])
local here = identity()
if string.match(epoch, '(%S+) %d+$') ~= here then
  nonce, n, epoch, told = begin(ARGV[1])
  redis.call('DEL', KEYS[3])
end
local continued = 0
if ARGV[2] == '' then
  local done = redis.pcall('SET', KEYS[2], nonce .. ' ' .. int(n) .. ' ' .. int(told))
  -- A full server still answers reads: without a lease there is nothing to refuse.
  if done.err and not string.find(done.err, 'OOM', 1, true) then return done end
  if not done.err then registry(ARGV[1]) end
else
  moved(nonce, n, told)
  registry(ARGV[1])
  local field = 'h:' .. ARGV[2]
  local old = redis.call('HGET', KEYS[3], field)
  local incarnation, count = string.match(old or '', '^(%S+) (%d+)$')
  if incarnation and incarnation == ARGV[3] then
    continued = 1
  else
    incarnation, count = ARGV[4], 0
  end
  redis.call('HSET', KEYS[3], field, incarnation .. ' ' .. int(tonumber(count) + 1))
end
return {epoch, nonce .. ' ' .. int(n) .. ' ' .. int(told), continued,
        redis.pcall('HGET', KEYS[3], 'is'), int(clock())}
""")

# ARGV: -, registry, '1' if it is whole, then name, incarnation, count of each silent holder.
STRIKE = _script("""
local is = redis.pcall('HGET', KEYS[3], 'is')
if type(is) ~= 'string' or string.match(is, '^(%S+)') ~= ARGV[2] then return 0 end
if ARGV[3] == '1' then redis.call('HSET', KEYS[3], 'is', ARGV[2] .. ' 1') end
for i = 4, #ARGV, 3 do
  local field = 'h:' .. ARGV[i]
  if redis.call('HGET', KEYS[3], field) == ARGV[i + 1] .. ' ' .. ARGV[i + 2] then
    redis.call('HDEL', KEYS[3], field)
  end
end
return 1
""")

# ARGV: -, a holder that is leaving for good.
RETIRE = _script("""
return redis.pcall('HDEL', KEYS[3], 'h:' .. ARGV[2])
""")

# KEYS[5..]: stamps. ARGV: -, D in milliseconds -> {epoch, position, stamp...}; what was
# missing or due is created, and so is what was born after the present position: it is of
# an earlier epoch, and until positions have caught up with it no fill that names it late
# could be stored.
CAPTURE = _script("""
local nonce, n, epoch, told, since = now(ARGV[1])
local at, d = clock(), tonumber(ARGV[2])
local found, created = {'', ''}, false
for i = 5, #KEYS do
  local raw = get(KEYS[i])
  local s = parse(raw)
  if not s or is_due(s, at, since, d) or (s[3] > n and s[5] == '-') then
    if not created then created = true n = n + 1 end
    raw = join({ARGV[1], ARGV[1], n, trial(i, s, at, since, d), '-'})
    redis.call('SET', KEYS[i], raw)
  end
  found[i - 2] = raw
end
if created then moved(nonce, n, told) end
found[1], found[2] = epoch, nonce .. ' ' .. int(n) .. ' ' .. int(told)
return found
""")

# KEYS[5..]: late stamps, then unchanged ones. ARGV: -, D, epoch, position, number of late,
# nonce of each unchanged -> the late stamps, or false. Creates nothing.
CONFIRM = _script("""
local nonce, since = opened(get(KEYS[1]))
if nonce ~= ARGV[3] then return false end
local d = tonumber(ARGV[2])
local position, late, at = tonumber(ARGV[4]), tonumber(ARGV[5]), clock()
local found = {}
for i = 5, #KEYS do
  local raw = get(KEYS[i])
  local s = parse(raw)
  if not s or s[5] ~= '-' or is_due(s, at, since, d) then return false end
  if i - 4 <= late then
    if s[3] > position then return false end
    found[i - 4] = raw
  elseif s[1] ~= ARGV[i - 4 - late + 5] then
    return false
  end
end
return found
""")

# KEYS[5..]: stamps. ARGV: -, D, 'hard' or 'soft', who is to be told of confirmations
# -> {epoch nonce, position, registry}
CHANGE = _script("""
local nonce, n, _, told, since = now(ARGV[1])
local at, d = clock(), tonumber(ARGV[2])
n, told = n + 1, told + 1
for i = 5, #KEYS do
  local s = parse(get(KEYS[i]))
  if ARGV[3] == 'hard' then
    local kept = s and marks(s[5], at) or '-'
    redis.call('SET', KEYS[i], join({ARGV[1], ARGV[1], n, trial(i, s, at, since, d), kept}))
  elseif s then
    redis.call('SET', KEYS[i], join({s[1], ARGV[1], n, s[4], s[5]}))
  end
end
moved(nonce, n, told)
announce(nonce, int(told), ARGV[1], ARGV[4], 's', names(5), int(n))
return {nonce, n, registry(ARGV[1])}
""")

# KEYS[5..]: stamps. ARGV: -, D, writer, who is to be told -> {epoch nonce, position, registry}
ENTER = _script("""
local nonce, n, _, told, since = now(ARGV[1])
local at, d = clock(), tonumber(ARGV[2])
local mark = ARGV[3] .. '@' .. int(at + d)
n, told = n + 1, told + 1
for i = 5, #KEYS do
  local s = parse(get(KEYS[i]))
  local others = s and marks(s[5], at) or '-'
  local inside = others == '-' and mark or others .. ',' .. mark
  redis.call('SET', KEYS[i], join({ARGV[1], ARGV[1], n, trial(i, s, at, since, d), inside}))
end
note(at, at + d)
moved(nonce, n, told)
announce(nonce, int(told), ARGV[1], ARGV[4], 's', names(5), int(n), 'enters', ARGV[3])
return {nonce, n, registry(ARGV[1])}
""")

# KEYS[5..]: stamps. ARGV: -, D, writer -> 1 if every mark lives; they are prolonged.
INSIDE = _script("""
opened(get(KEYS[1])) -- says whether there may be notes
local at, d = clock(), tonumber(ARGV[2])
local found = {}
for i = 5, #KEYS do
  local s = parse(get(KEYS[i]))
  if not s then return 0 end
  local is_there, kept = false, {}
  for mark in string.gmatch(marks(s[5], at), '[^,]+') do
    if string.match(mark, '^(.*)@%d+$') == ARGV[3] then
      is_there = true
      mark = ARGV[3] .. '@' .. int(at + d)
    end
    kept[#kept + 1] = mark
  end
  if not is_there then return 0 end
  s[5] = table.concat(kept, ',')
  found[i] = join(s)
end
for i = 5, #KEYS do redis.call('SET', KEYS[i], found[i]) end
note(at, at + d)
return 1
""")

# KEYS[5..]: stamps. ARGV: -, D, writer, who is to be told -> {epoch nonce, position,
# registry, 1 if a mark was gone}. Then readers may have stored, and near tiers hold, what
# they read before the commit, and who else was inside is unknown.
LEAVE = _script("""
local nonce, n, _, told, since = now(ARGV[1])
local at, d = clock(), tonumber(ARGV[2])
local lost = 0
n = n + 1
for i = 5, #KEYS do
  local s = parse(get(KEYS[i]))
  local is_there, kept = false, {}
  if s then
    for mark in string.gmatch(marks(s[5], at), '[^,]+') do
      if string.match(mark, '^(.*)@%d+$') == ARGV[3] then
        is_there = true
      elseif mark ~= '-' then
        kept[#kept + 1] = mark
      end
    end
  end
  if not is_there then lost = 1 end
  local ends = is_there and trial(i, s, at, since, d) or at + d
  local others = #kept > 0 and table.concat(kept, ',') or '-'
  redis.call('SET', KEYS[i], join({ARGV[1], ARGV[1], n, ends, others}))
end
local all, kind, to = {}, 'l', '-'
if lost == 1 then
  told, kind, to = told + 1, 's', ARGV[4]
  all = registry(ARGV[1])
end
moved(nonce, n, told)
announce(nonce, int(told), ARGV[1], to, kind, names(5), int(n), 'leaves', ARGV[3])
return {nonce, n, all, lost}
""")

# KEYS[5]: the list of patterns. ARGV[2]: the glob in hex; ARGV[3]: how many are kept;
# ARGV[4]: who is to be told -> {epoch nonce, position, registry}. Lines: epoch nonce, floor,
# then 'n hex' oldest first.
ADD_PATTERN = _script("""
local nonce, n, epoch, told = now(ARGV[1])
local lines = {}
local floor = tonumber(string.match(epoch, '^%S+ (%d+)'))
local old = get(KEYS[5])
if old then
  local owner, kept_floor, rest = string.match(old, '^(%S+)\\n(%d+)\\n(.*)$')
  if owner == nonce then
    local kept = {}
    for line in string.gmatch(rest, '[^\\n]+') do kept[#kept + 1] = line end
    local newest = #kept > 0 and tonumber(string.match(kept[#kept], '^(%d+)')) or 0
    if newest == floor then lines, floor = kept, tonumber(kept_floor) end
  end
end
n, told = n + 1, told + 1
lines[#lines + 1] = int(n) .. ' ' .. ARGV[2]
while #lines > tonumber(ARGV[3]) do
  floor = tonumber(string.match(table.remove(lines, 1), '^(%d+)'))
end
local text = nonce .. '\\n' .. int(floor) .. '\\n' .. table.concat(lines, '\\n')
redis.call('SET', KEYS[5], text)
redis.call('SET', KEYS[1], nonce .. ' ' .. int(n) .. string.match(epoch, '( %S+ %d+)$'))
moved(nonce, n, told)
announce(nonce, int(told), ARGV[1], ARGV[4], 'p', '-', int(n))
return {nonce, n, registry(ARGV[1])}
""")

# ARGV[2]: who is to be told -> {epoch nonce, 0, registry}
NEW_EPOCH = _script("""
begin(ARGV[1])
moved(ARGV[1], 0, 1)
announce(ARGV[1], '1', ARGV[1], ARGV[2], 'e', '-', '0')
return {ARGV[1], 0, registry(ARGV[1])}
""")

# KEYS[5..]: leases. ARGV: -, who asks, milliseconds -> for each -1 if he leads, else the
# milliseconds that are left to its leader. Value: 'leader waiter waiter …'.
ELECT = _script("""
local found = {}
for i = 5, #KEYS do
  local raw = get(KEYS[i])
  local left = raw and redis.call('PTTL', KEYS[i]) or 0
  -- More than a whole lease is left only where the server's clock was set back.
  if raw and left > 0 and left <= tonumber(ARGV[3]) then
    if ARGV[2] ~= '' and not string.find(raw, ' ' .. ARGV[2], 1, true) then
      redis.call('SET', KEYS[i], raw .. ' ' .. ARGV[2], 'KEEPTTL')
    end
    found[i - 4] = left
  else
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[3])
    found[i - 4] = -1
  end
end
return found
""")

# KEYS[5..]: leases. ARGV: -, milliseconds, the leader's word for each
PROLONG = _script("""
for i = 5, #KEYS do
  local raw = get(KEYS[i])
  if raw and string.match(raw, '^(%S+)') == ARGV[i - 2] then
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
  end
end
return 1
""")

# KEYS[5..]: leases. ARGV: -, for each the leader's word and '1' if its value was stored
RELEASE = _script("""
for i = 5, #KEYS do
  local raw = get(KEYS[i])
  local at = (i - 5) * 2 + 2
  if raw and string.match(raw, '^(%S+)') == ARGV[at] then
    redis.call('DEL', KEYS[i])
    local is_first = true
    for waiter in string.gmatch(raw, '%S+') do
      if not is_first then
        redis.pcall('SPUBLISH', prefix() .. 'to:' .. waiter, 'l ' .. name(i) .. ' ' .. ARGV[at + 1])
      end
      is_first = false
    end
  end
end
return 1
""")

# KEYS[1] here: an entry. ARGV: -, its bytes as read, its new bytes, milliseconds to live.
REPLACE = _script("""
if get(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
""")
