-- CLEAR: raises the generation of a cache, and announces it.
-- KEYS: s, j, g
-- ARGV: channel; the generation's name
-- reply: the new generation
local g = number(math.max(counter(KEYS[3]) + 1, now_us()))
redis.call('SET', KEYS[3], g)
announce(KEYS[1], KEYS[2], ARGV[1], ARGV[2] .. '=' .. g)
return g
