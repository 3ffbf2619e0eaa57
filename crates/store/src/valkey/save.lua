#!lua
-- Writes all of these documents or none: compares versions and writes, and knows no rule of the line.
-- KEYS: the segment's newest version, then the documents.
-- ARGV: the least version to use, the channel and what to say there of the segment, then for each document the version
-- expected (empty: none), for how many milliseconds to keep it (empty: for good, 0: remove it), and its bytes.
-- A document is kept as 20 digits of its version, then its bytes.
local newest = redis.call('GET', KEYS[1]) or '0'
for i = 2, #KEYS do
  if redis.call('GETRANGE', KEYS[i], 0, 19) ~= ARGV[3 * i - 2] then
    local current = {}
    for j = 2, #KEYS do
      current[j - 1] = redis.call('GET', KEYS[j])
    end
    return {0, newest, redis.call('TIME'), current}
  end
end
-- Lua counts in doubles, which are exact up to 2^53: versions that follow the clock stay below until the year 2248.
local version = string.format('%020.0f', math.max(tonumber(newest) + 1, tonumber(ARGV[1])))
for i = 2, #KEYS do
  local keep, bytes = ARGV[3 * i - 1], ARGV[3 * i]
  if keep == '' then
    redis.call('SET', KEYS[i], version .. bytes)
  elseif keep == '0' then
    redis.call('DEL', KEYS[i])
  else
    redis.call('SET', KEYS[i], version .. bytes, 'PX', keep)
  end
end
redis.call('SET', KEYS[1], version)
redis.call('PUBLISH', ARGV[2], version .. ARGV[3])
return {1, version, redis.call('TIME')}
