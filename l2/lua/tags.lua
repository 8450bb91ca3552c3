-- The versions of tags, made where they are missing.
-- KEYS: the words of the tags
-- ARGV: the tags' life in ms; then 8 random bytes for each
-- reply: the versions, or nothing if one is being written
local now, versions = now_us(), {}
for i = 1, #KEYS do
  local w = word(KEYS[i])
  if intended(w, now) then return {} end
  if not w or string.sub(w, 1, 1) ~= 'V' or #w ~= 9 then
    w = 'V' .. ARGV[i + 1]
    redis.call('SET', KEYS[i], w, 'PX', ARGV[1])
  end
  versions[i] = string.sub(w, 2)
end
return versions
