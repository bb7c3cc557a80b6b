/** A Redis of the test file's own. */
import ava from 'ava'
import {RedisServer} from '../../engines/redis.js'

export type {RedisServer} from '../../engines/redis.js'

/** A Redis that starts and ends with the test file. */
export function useRedis(): RedisServer {
  const redis = new RedisServer()
  ava.before('a Redis starts', () => redis.up())
  ava.after.always('the Redis ends', () => redis.end())
  return redis
}
