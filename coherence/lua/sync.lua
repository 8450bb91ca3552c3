-- SYNC: tells a process what it missed and shows that this node takes writes.
-- KEYS: hb, s, j, inc, then the generation of each cache
-- ARGV: the sequence applied, or '' on a first SYNC; a random word; the most journal entries; the heartbeat's life in ms;
--       the most bytes of the journal; then the generation known of each cache
-- reply: incarnation, TIME in us, s, the generations, {n-0, refs, n-0, refs, ...} after the sequence applied

local function field(section, name)
  local info = redis.pcall('INFO', section)
  return type(info) == 'string' and string.match(info, name .. ':(%x+)')
end

local now = now_us()
local run, repl = field('server', 'run_id'), field('replication', 'master_replid')
local inc = word(KEYS[4])
local node = (run and repl) and (run .. repl) or (inc or ARGV[2])
if inc ~= node then
  local s = count(word(KEYS[2])) or 0
  redis.call('SET', KEYS[2], number(math.max(s + 1, now)))
  redis.call('DEL', KEYS[3])
  redis.call('SET', KEYS[4], node)
end

redis.call('SET', KEYS[1], number(now), 'PX', ARGV[4])
local s = counter(KEYS[2])

local generations = {}
for i = 5, #KEYS do
  local known = tonumber(ARGV[i + 1])
  local g = counter(KEYS[i])
  if known > g and known <= most then
    g = known
    redis.call('SET', KEYS[i], number(g))
  end
  generations[#generations + 1] = number(g)
end

local missed = {}
if ARGV[1] ~= '' then
  local a = tonumber(ARGV[1])
  if a < s and s - a <= tonumber(ARGV[3]) then
    local bytes, from = 0, number(a + 1) .. '-0'
    repeat
      local entries = redis.pcall('XRANGE', KEYS[3], from, '+', 'COUNT', '50')
      if entries.err then break end
      for _, e in ipairs(entries) do
        missed[#missed + 1] = e[1]
        missed[#missed + 1] = e[2][2]
        bytes = bytes + #e[2][2]
        from = '(' .. e[1]
      end
    until #entries < 50 or bytes > tonumber(ARGV[5])
    if bytes > tonumber(ARGV[5]) then missed = {} end
  end
end

return {node, number(now), number(s), generations, missed}
