-- FILL: the end of a load. Stores the value if the lease is still ours, or gives the lease up; wakes who waits.
-- KEYS: the entry's word
-- ARGV: token; the new word, or '' to give the lease up; its life in ms; channel; the entry's name
-- reply: 1 if the lease was still ours; the error of a Redis that refuses the value, being full for one: the lease ends, too
local w = redis.pcall('GET', KEYS[1])
local mine = 'L' .. ARGV[1]
if w ~= mine and w ~= mine .. '+' then return 0 end
local refused
if ARGV[2] ~= '' then
  local set = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  refused = set.err and set
end
if ARGV[2] == '' or refused then redis.call('DEL', KEYS[1]) end
if w ~= mine then redis.pcall('PUBLISH', ARGV[4], 'f|' .. ARGV[5]) end
return refused or 1
