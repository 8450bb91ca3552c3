-- INVALIDATE: forgets words, and announces it. What somebody is writing (a live intent) keeps its word.
-- KEYS: s, j, then the word of each ref
-- ARGV: channel; the refs; a tag's life in ms; then for each ref '' if it is an entry, 8 random bytes if it is a tag
-- reply: the number of the invalidation
local now = now_us()
for i = 3, #KEYS do
  if not intended(word(KEYS[i]), now) then
    local version = ARGV[i + 1]
    if version == '' then
      redis.call('DEL', KEYS[i])
    else
      redis.call('SET', KEYS[i], 'V' .. version, 'PX', ARGV[3])
    end
  end
end
return announce(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
