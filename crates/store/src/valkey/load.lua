#!lua flags=allow-oom
-- Reads documents as they stand at one moment. KEYS: the segment's newest version, then the documents.
-- It is not marked as one that only reads, so that a server which must not write refuses it: what a former primary
-- holds may be older than what was acknowledged since.
local newest = redis.call('GET', KEYS[1]) or '0'
local found = {}
for i = 2, #KEYS do
  found[i - 1] = redis.call('GET', KEYS[i])
end
return {newest, redis.call('TIME'), found}
