/** An object behind the API of S3, in one bucket: signed by Signature Version 4, its hash included. */
import { AwsClient } from "aws4fetch"
import type { SinkDefinition } from "../../core/policy/definition/sinks.ts"
import { withoutSecret, type DestinationContext, type Parcel, type Sent } from "./destination.ts"
import { deliver } from "./response.ts"

/** Its code is near the beginning. */
const MAX_ANSWER_BYTES = 4_096
/** The answer is of a stranger: of all its text this alone gets into a state, letters of a bounded number. */
const ERROR_CODE = /<Code>([A-Za-z]{1,64})<\/Code>/

export async function putObject(
  { url: base, region, accessKey, secretKey }: Extract<SinkDefinition, { readonly kind: "s3" }>,
  { body, name }: Parcel,
  { secrets, local }: DestinationContext,
): Promise<Sent> {
  const [accessKeyId, secretAccessKey] = [secrets.get(accessKey), secrets.get(secretKey)]
  if (accessKeyId === undefined) return withoutSecret(accessKey)
  if (secretAccessKey === undefined) return withoutSecret(secretKey)
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3" })
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex()
  const headers = { "content-type": "application/gzip", "x-amz-content-sha256": hash }
  const url = `${base.endsWith("/") ? base : `${base}/`}${name}`
  const signed = await client.sign(url, { method: "PUT", headers, body })
  const outgoing = { url: signed.url, method: "PUT", headers: Object.fromEntries(signed.headers), body } as const
  const read = { bytes: MAX_ANSWER_BYTES, detail: (text: string) => ERROR_CODE.exec(text)?.[1] ?? null }
  return deliver(outgoing, local, read)
}
