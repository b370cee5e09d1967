/** An object of an R2 bucket that the Worker is bound to: no credentials, and the same names and bytes as by the API of S3. */
import { bucketBinding, type SinkDefinition } from "../../core/policy/definition/sinks.ts"
import { within } from "../../platform/timeout.ts"
import { ACCEPTED, failed, type DestinationContext, type Parcel, type Sent } from "./destination.ts"

const TIMEOUT_MS = 30_000

/** Which buckets a Worker has is written by `narrowgate deploy`, from sinks.yaml. Undefined: no such binding. */
export const bucketOf = (env: Env, bucket: string): R2Bucket | undefined => Reflect.get(env, bucketBinding(bucket))

export async function putInBucket(
  { bucket: name, prefix }: Extract<SinkDefinition, { readonly kind: "r2" }>,
  parcel: Parcel,
  { env }: DestinationContext,
): Promise<Sent> {
  const bucket = bucketOf(env, name)
  if (!bucket) return failed("no_bucket")
  const key = prefix === "" ? parcel.name : `${prefix}/${parcel.name}`
  const httpMetadata = { contentType: "application/gzip" }
  try {
    await within(bucket.put(key, parcel.body, { httpMetadata }), TIMEOUT_MS, "the bucket")
    return ACCEPTED
  } catch {
    return (await isThere(bucket, key, parcel.body)) ? ACCEPTED : failed("failing")
  }
}

/**
 * A repetition may be of an object that has arrived, and a bucket with a lock lets none be written again (R2, "Bucket
 * locks"): the records behind it would wait for ever.
 */
async function isThere(bucket: R2Bucket, key: string, body: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const object = await within(bucket.head(key), TIMEOUT_MS, "the bucket").catch(() => null)
  const md5 = new Uint8Array(await crypto.subtle.digest("MD5", body)).toHex()
  return object?.checksums.toJSON().md5 === md5
}
