import type { SharedWindows } from '../limits/shared-windows.js'
import type { RedisLink } from './redis-link.js'

/**
 * A hash for each window: the count of each replica under its id. It expires with the window. A key whose time is over can
 * still be there within a script, so that one is deleted first.
 */
const TAKE = `
local left_ms = redis.call('pttl', KEYS[1])
if left_ms == 0 then redis.call('del', KEYS[1]) end
local stored, others = 0, 0
local counts = redis.call('hgetall', KEYS[1])
for i = 1, #counts, 2 do
  if counts[i] == ARGV[1] then stored = tonumber(counts[i + 1]) else others = others + tonumber(counts[i + 1]) end
end
local needed, share, quota, replicas = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local own = math.max(stored, tonumber(ARGV[2]))
local rest = math.max(0, quota - others - own)
local granted = math.min(rest, math.max(needed, math.min(share, math.floor(rest / (2 * replicas)))))
own = own + granted
if own > stored then redis.call('hset', KEYS[1], ARGV[1], own) end
if left_ms <= 0 and own > 0 then
  left_ms = tonumber(ARGV[7])
  redis.call('pexpire', KEYS[1], left_ms)
end
return { own, others, granted, left_ms }
`

/** The windows of all replicas in one Redis. `replica_id` is new for each process. */
export function redisWindows(link: RedisLink, replica_id: string): SharedWindows {
  const take = link.script('gatehouseTakeShare', TAKE)
  return {
    isUp: () => link.isUp(),
    onUp: (listener) => link.onUp(listener),
    async take(key, { counted, needed, share, quota, replicas, left_ms }) {
      const values = [replica_id, counted, needed, share, quota, replicas, Math.ceil(left_ms)]
      const seen = (await take(`${link.prefix}:budget:${key}`, values)) as [number, number, number, number]
      const [own, others, granted, left] = seen
      return { own, others, granted, left_ms: Math.max(0, left) }
    },
  }
}
