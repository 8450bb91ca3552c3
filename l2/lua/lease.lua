-- LEASE: who may load an entry, decided on the words as they are now.
-- KEYS: the entry's word, then the words of its tags
-- ARGV: token; the lease in ms; the id of the unusable value that was seen, or ''; the tags' life in ms; then 8 random
--       bytes for each tag
-- reply: what, word, versions: 'G' granted; 'R' granted over garbage; 'T' a tag is being written; else 'W' and the word that was met, a lease
--        marked as waited for. versions: of the tags, at this moment
local lease = tonumber(ARGV[2])

local versions = {}
for i = 2, #KEYS do
  local v = version(KEYS[i], ARGV[i + 3], ARGV[4])
  if not v then return {'T', '', {}} end
  versions[#versions + 1] = v
end

local w = word(KEYS[1])
local granted = w == nil and 'R' or 'G'
if w then
  local loading = string.match(w, '^L(%x+)%+?$')
  if string.sub(w, 1, 1) == 'V' and #w > 9 then
    if string.sub(w, 2, 9) ~= ARGV[3] then return {'W', w, versions} end
  elseif intended(w) then
    return {'W', w, versions}
  elseif loading and #loading == 16 then
    local left = redis.call('PTTL', KEYS[1])
    if left >= 0 and left <= lease then
      if #w == 17 then
        w = w .. '+'
        redis.call('SET', KEYS[1], w, 'KEEPTTL')
      end
      return {'W', w, versions}
    end
    granted = 'R'
  else
    granted = 'R'
  end
end
redis.call('SET', KEYS[1], 'L' .. ARGV[1], 'PX', lease)
return {granted, '', versions}
