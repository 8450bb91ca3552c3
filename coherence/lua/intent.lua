-- INTENT: somebody is going to write what the refs name, goes on writing it, or has left it and may still have written it.
-- KEYS: s, j, then the word of each ref
-- ARGV: channel; the refs; the token; its life in ms; another token that it takes the place of, or ''
-- reply: the number of the announcement
local now = now_us()
local from = math.floor(now / 1000)
for i = 3, #KEYS do
  local w, mine, last = {'I'}, from + tonumber(ARGV[4]), 0
  for _, t in ipairs(tokens(word(KEYS[i]), now) or {}) do
    local exp = tonumber(t[1])
    if t[2] == ARGV[3] then
      mine = math.max(mine, exp) -- several writes may share it: none of their lives is cut short
    elseif t[2] ~= ARGV[5] then
      w[#w + 1] = t[1] .. ':' .. t[2] .. ';'
      last = math.max(last, exp)
    end
  end
  last = math.max(last, mine)
  redis.call('SET', KEYS[i], table.concat(w) .. number(mine) .. ':' .. ARGV[3] .. ';', 'PX', number(last - from))
end
return announce(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
