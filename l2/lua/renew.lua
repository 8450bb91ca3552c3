-- Renews a lease that is still ours.
-- KEYS: the entry's word
-- ARGV: token; the lease in ms
-- reply: 1 if it was
local w = redis.pcall('GET', KEYS[1])
if type(w) == 'string' and string.sub(w, 1, 17) == 'L' .. ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
