-- The versions of tags, made where they are missing, and kept alive.
-- KEYS: the words of the tags
-- ARGV: the tags' life in ms; then 8 random bytes for each
-- reply: the versions, or nothing if one is being written
local now, versions = now_us(), {}
for i = 1, #KEYS do
  local v = version(KEYS[i], ARGV[i + 1], ARGV[1], now)
  if not v then return {} end
  versions[i] = v
end
return versions
