-- INTENT: somebody is going to write what the refs name, or goes on writing it.
-- KEYS: s, j, then the word of each ref
-- ARGV: channel; the refs; the token; its life in ms
-- reply: the number of the announcement
local now = now_us()
local from = math.floor(now / 1000)
local mine = from + tonumber(ARGV[4])
for i = 3, #KEYS do
  local w, last = {'I'}, mine
  for _, t in ipairs(tokens(word(KEYS[i]), now) or {}) do
    if t[2] ~= ARGV[3] then
      w[#w + 1] = t[1] .. ':' .. t[2] .. ';'
      last = math.max(last, tonumber(t[1]))
    end
  end
  redis.call('SET', KEYS[i], table.concat(w) .. number(mine) .. ':' .. ARGV[3] .. ';', 'PX', number(last - from))
end
return announce(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
