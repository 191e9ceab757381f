"""The Lua scripts: each changes stamps atomically, all on the one slot of `{namespace}`.

KEYS[1] is the epoch, KEYS[2] the position; further keys and arguments are told at each
script. ARGV[1] is always fresh randomness from the caller: the server's generator is
never used. Values are those of `core.stamps`. A key of another type counts as missing.

A lost epoch or position begins a new epoch, and with it everything is cold: neither can
be told apart from a store that was flushed. The epoch also names the server it was made
on (run id and replication id), and `greet` begins a new one on any other server, so that
an old snapshot or a failover and back revives nothing.
"""

from dataclasses import dataclass
from hashlib import sha1

_PRELUDE = """
local function get(key)
  local v = redis.pcall('GET', key)
  if type(v) == 'table' then redis.call('DEL', key) return false end
  return v
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
local function begin(random)
  local epoch = random .. ' 0 ' .. identity()
  redis.call('SET', KEYS[1], epoch)
  redis.call('SET', KEYS[2], random .. ' 0')
  return random, 0, epoch
end
local function now(random)
  local epoch = get(KEYS[1])
  local pos = get(KEYS[2])
  local nonce = epoch and string.match(epoch, '^(%S+) %d+ %S+$')
  if nonce and pos then
    local incarnation, n = string.match(pos, '^(%S+) (%d+)$')
    if incarnation == nonce then return nonce, tonumber(n), epoch end
  end
  return begin(random)
end
local function moved(nonce, n)
  redis.call('SET', KEYS[2], nonce .. ' ' .. string.format('%d', n))
end
local function parse(raw)
  if not raw then return nil end
  local nonce, soft, born, provisional, writers =
    string.match(raw, '^(%S+) (%S+) (%d+) (%d+) (%S+)$')
  if not nonce then return nil end
  return {nonce, soft, tonumber(born), provisional, writers}
end
local function join(s)
  return s[1] .. ' ' .. s[2] .. ' ' .. string.format('%d', s[3]) .. ' ' .. s[4] .. ' ' .. s[5]
end
"""


@dataclass(frozen=True, slots=True)
class Script:
    text: str
    sha: str


def _script(body: str) -> Script:
    text = _PRELUDE + body
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# -> {epoch, whether it is new}
GREET = _script("""
local nonce, n, epoch = now(ARGV[1])
local here = identity()
local recorded = string.match(epoch, '(%S+)$')
if recorded ~= here then
  nonce, n, epoch = begin(ARGV[1])
  return {epoch, 1}
end
return {epoch, 0}
""")

# KEYS[3..]: stamps -> {epoch, position, stamp...}; what was missing is created, and so is
# what was born after the present position: it is of an earlier epoch, and until positions
# have caught up with it no fill that names it late could be stored.
CAPTURE = _script("""
local nonce, n, epoch = now(ARGV[1])
local found, created = {'', ''}, false
for i = 3, #KEYS do
  local raw = get(KEYS[i])
  local s = parse(raw)
  if not s or (s[3] > n and s[5] == '-') then
    if not created then created = true n = n + 1 end
    raw = join({ARGV[1], ARGV[1], n, '0', '-'})
    redis.call('SET', KEYS[i], raw)
  end
  found[i] = raw
end
if created then moved(nonce, n) end
found[1], found[2] = epoch, nonce .. ' ' .. string.format('%d', n)
return found
""")

# KEYS[3..]: late stamps, then unchanged ones. ARGV: -, epoch, position, number of late,
# nonce of each unchanged -> the late stamps, or false. Creates nothing.
CONFIRM = _script("""
local epoch = get(KEYS[1])
if not epoch or string.match(epoch, '^(%S+)') ~= ARGV[2] then return false end
local position, late = tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}
for i = 3, #KEYS do
  local raw = get(KEYS[i])
  local s = parse(raw)
  if not s or s[5] ~= '-' then return false end
  if i - 2 <= late then
    if s[3] > position then return false end
    found[i - 2] = raw
  elseif s[1] ~= ARGV[i - 2 - late + 4] then
    return false
  end
end
return found
""")

# KEYS[3..]: stamps. ARGV[2]: 'hard' or 'soft' -> {epoch nonce, position}
CHANGE = _script("""
local nonce, n = now(ARGV[1])
n = n + 1
for i = 3, #KEYS do
  local s = parse(get(KEYS[i]))
  if ARGV[2] == 'hard' then
    redis.call('SET', KEYS[i], join({ARGV[1], ARGV[1], n, '0', s and s[5] or '-'}))
  elseif s then
    redis.call('SET', KEYS[i], join({s[1], ARGV[1], n, s[4], s[5]}))
  end
end
moved(nonce, n)
return {nonce, n}
""")

# KEYS[3]: the list of patterns. ARGV[2]: the glob in hex; ARGV[3]: how many are kept
# -> {epoch nonce, position}. Lines: epoch nonce, floor, then 'n hex' oldest first.
ADD_PATTERN = _script("""
local nonce, n, epoch = now(ARGV[1])
local lines = {}
local floor = tonumber(string.match(epoch, '^%S+ (%d+)'))
local old = get(KEYS[3])
if old then
  local owner, kept_floor, rest = string.match(old, '^(%S+)\\n(%d+)\\n(.*)$')
  if owner == nonce then
    local kept = {}
    for line in string.gmatch(rest, '[^\\n]+') do kept[#kept + 1] = line end
    local newest = #kept > 0 and tonumber(string.match(kept[#kept], '^(%d+)')) or 0
    if newest == floor then lines, floor = kept, tonumber(kept_floor) end
  end
end
n = n + 1
lines[#lines + 1] = string.format('%d', n) .. ' ' .. ARGV[2]
while #lines > tonumber(ARGV[3]) do
  floor = tonumber(string.match(table.remove(lines, 1), '^(%d+)'))
end
local text = nonce .. '\\n' .. string.format('%d', floor) .. '\\n' .. table.concat(lines, '\\n')
redis.call('SET', KEYS[3], text)
redis.call('SET', KEYS[1], nonce .. ' ' .. string.format('%d', n) .. string.match(epoch, '( %S+)$'))
moved(nonce, n)
return {nonce, n}
""")

# -> {epoch nonce, 0}
NEW_EPOCH = _script("""
begin(ARGV[1])
return {ARGV[1], 0}
""")

# KEYS[1] here: an entry. ARGV: -, its bytes as read, its new bytes, milliseconds to live.
REPLACE = _script("""
if get(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
""")
