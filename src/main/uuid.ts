/** Ids whose order is that of time, so that rows written together stand together in every index. */
import { randomUUID } from 'node:crypto';

/** A UUID of version 7 with `now` in milliseconds since 1970. RFC 9562, 5.7 */
export function uuidV7(now: number = Date.now()): string {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
