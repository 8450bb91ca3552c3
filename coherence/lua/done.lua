-- DONE: a write is over: its tokens go. Where they were missing, or never acknowledged, what was filled meanwhile goes
-- too, and that is announced: INVALIDATE, which is a DONE without a token.
-- KEYS: s, j, then the word of each ref
-- ARGV: channel; the refs; a tag's life in ms; '1' to invalidate in any case; then for each ref
--       its tokens, ';' before and after each, or ''; and '' for an entry, K<id> for one whose value of that id may stay,
--       T<8 random bytes> for a tag
-- reply: the number of the announcement, or '' if there was none
local lost, now = ARGV[4] == '1', nil -- TIME is asked for only where there may be tokens

for i = 3, #KEYS do
  local mine = ARGV[2 * i - 1]
  if mine == '' then
    lost = true
  else
    local rest, last, found = {'I'}, 0, false
    now = now or now_us()
    for _, t in ipairs(tokens(word(KEYS[i]), now) or {}) do
      if string.find(mine, ';' .. t[2] .. ';', 1, true) then
        found = true
      else
        rest[#rest + 1] = t[1] .. ':' .. t[2] .. ';'
        last = math.max(last, tonumber(t[1]))
      end
    end
    if not found then
      lost = true
    elseif last > 0 then
      redis.call('SET', KEYS[i], table.concat(rest), 'PX', number(last - math.floor(now / 1000)))
    else
      forget(KEYS[i], ARGV[2 * i], ARGV[3])
    end
  end
end
if not lost then return '' end

for i = 3, #KEYS do
  local w, new = word(KEYS[i]), ARGV[2 * i]
  local stays = w and string.sub(new, 1, 1) == 'K' and string.sub(w, 1, 9) == 'V' .. string.sub(new, 2)
  if not stays and not intended(w, now) then forget(KEYS[i], new, ARGV[3]) end
end
return announce(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
