-- SET: stores a value whose source is the caller, and announces it.
-- KEYS: s, j, g, the entry's word, then the words of its tags
-- ARGV: channel; the entry's name; the word; its life in ms; the generation that it carries; then the tags' versions
-- reply: '' if it was stored; 'I' if something is being written; 'V' if a tag changed; else the generation that is newer
local now = now_us()
if intended(word(KEYS[4]), now) then return 'I' end
for i = 5, #KEYS do
  local w = word(KEYS[i])
  if intended(w, now) then return 'I' end
  if w ~= 'V' .. ARGV[i + 1] then return 'V' end
end
local g = counter(KEYS[3])
if g > tonumber(ARGV[5]) then return number(g) end
redis.call('SET', KEYS[4], ARGV[3], 'PX', ARGV[4])
announce(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return ''
