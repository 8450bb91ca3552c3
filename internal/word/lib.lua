-- What the scripts share. Numbers go out through %.0f: Lua prints large ones as 1.8e+15.

local function now_us()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function number(n) return string.format('%.0f', n) end

-- Whether a command failed by what is there, which one of the texts says, and not by what the user may not or Redis cannot.
local function damaged(reply, ...)
  if string.find(reply.err, '^NOPERM') then return false end -- a user's name may be in it
  for _, text in ipairs({...}) do
    if string.find(reply.err, text, 1, true) then return true end
  end
  return false
end

-- The word at key: a string, false if there is none, or nil if it is of another Redis type.
local function word(key)
  local w = redis.pcall('GET', key)
  if type(w) ~= 'table' then return w end
  if not damaged(w, 'WRONGTYPE') then error(w) end
  return nil
end

-- The tokens of an intent that have not expired, as {exp, token}: I<exp:token;exp:token;...>, exp in ms. nil if w is no
-- intent, or one of another form: that is garbage, whatever it holds. now is asked for only where it is needed.
local function tokens(w, now)
  if not w or string.sub(w, 1, 1) ~= 'I' then return nil end
  now = now or now_us()
  local at, alive = 2, {}
  while at <= #w do
    local _, last, exp, token = string.find(w, '^(%d+):(%x+);', at)
    if not last or #exp > 15 then return nil end
    if tonumber(exp) > now / 1000 then alive[#alive + 1] = {exp, token} end
    at = last + 1
  end
  return alive
end

-- Whether somebody is writing what w is the word of.
local function intended(w, now)
  local alive = tokens(w, now)
  return alive ~= nil and #alive > 0
end

-- Takes a word away: of an entry ('' or another), or of a tag (T and 8 random bytes: its new version).
local function forget(key, new, life)
  if string.sub(new, 1, 1) == 'T' then
    redis.call('SET', key, 'V' .. string.sub(new, 2), 'PX', life)
  else
    redis.call('DEL', key)
  end
end

-- The version of a tag, which lives for life ms at least, so that it outlives the entries that name it; made from
-- random where there is none. False if the tag is being written.
local function version(key, random, life, now)
  local w = word(key)
  if intended(w, now) then return false end
  if not w or string.sub(w, 1, 1) ~= 'V' or #w ~= 9 then
    w = 'V' .. random
    redis.call('SET', key, w, 'PX', life)
  else
    local left = redis.call('PTTL', key)
    if left >= 0 and left < tonumber(life) then redis.call('PEXPIRE', key, life) end
  end
  return string.sub(w, 2)
end

-- The last number that Lua, whose numbers are doubles, tells from the next: a counter beyond it would stand still.
local most = 9007199254740991

-- The number that a word is, if INCR takes it (007 is none) and Lua counts so far.
local function count(w)
  local n = w and string.match(w, '^[1-9]%d*$') and tonumber(w)
  return n and n <= most and n
end

-- A counter that is missing or no such number is made anew from TIME, so that it never restarts low.
local function counter(key)
  local n = count(word(key))
  if not n then
    n = now_us()
    redis.call('SET', key, number(n))
  end
  return n
end

-- The next number of the sequence, written to the journal and told to everybody. The journal holds what one SYNC asks for
-- at most (fullReach in coherence), and no refs that are longer than 16 kB together: to who has missed more, or those,
-- the journal does not reach back, and he forgets everything. A sequence that was missing, or not a number, is made
-- anew: looking first would cost each invalidation a command.
local function announce(s, j, ch, refs)
  local n = redis.pcall('INCR', s)
  if type(n) == 'table' and not damaged(n, 'WRONGTYPE', 'integer', 'overflow') then error(n) end
  if type(n) ~= 'number' or n < 2 or n > most then
    redis.call('DEL', s)
    counter(s)
    n = redis.call('INCR', s)
  end
  n = number(n)
  local added = #refs <= 16384 and redis.pcall('XADD', j, 'MAXLEN', '~', '1000', n .. '-0', 'r', refs)
  if added and added.err then
    if not damaged(added, 'WRONGTYPE', 'smaller', 'exhausted') then error(added) end
    redis.call('DEL', j)
    redis.call('XADD', j, n .. '-0', 'r', refs)
  end
  redis.pcall('PUBLISH', ch, n .. '|' .. refs) -- where the user may not, SYNC finds it in the journal
  return n
end
