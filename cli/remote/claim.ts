/** Makes a new deployment the holder's of a publisher's key, by the secret CLAIM that was set when it was deployed. */
import { setTimeout as sleep } from "node:timers/promises"
import type { JWK } from "jose"
import { z } from "zod"
import { CLAIM_ERRORS } from "../../src/api/contract/claim.ts"
import { signClaim } from "../compiler/sign.ts"
import { printableText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { audienceFor, historyAt } from "./publish.ts"
import { reach } from "./worker.ts"

const claimed = z.object({ issuer: z.string(), kid: z.string() })
export type Claimed = z.infer<typeof claimed>

const failureBody = z.object({ error: z.string(), error_description: z.string() })

const TIMEOUT_MS = 15_000

/** @returns null if the deployment was this key's before */
export async function claimAt(url: string, key: JWK, secret: string): Promise<Claimed | null> {
  // A path, a trailing slash or a default port of --url is no part of what the deployment is called.
  const aud = audienceFor(url, undefined)
  const { status, answer } = await post(url, await signClaim(key, aud, secret))
  const done = claimed.safeParse(answer)
  if (status === 200 && done.success) {
    await untilKnown(url, key)
    return done.data
  }
  // The answer to an earlier claim may have been lost: the deployment says to strangers only that it is claimed.
  if (status === CLAIM_ERRORS.claim_refused.status && (await isOurs(url, key))) return null
  const failure = failureBody.safeParse(answer)
  const words = failure.success ? failure.data.error_description : "in a shape that is not known"
  throw new Failure(`${url} answered ${status}: ${printableText(words)}`, FIXES[status] ?? "Look at the Worker's log.")
}

const FIXES: Readonly<Record<number, string>> = {
  400: "Name by --url the very https URL by which agents and gateways will know the Worker.",
  403: "Check the secret. If another has claimed the deployment, set PUBLISHER_KEYS in its configuration: that is in force whatever was claimed.",
  404: "Check the address: it is no Narrowgate Worker, or one of an older version.",
  409: "Publish with the private half of a key of PUBLISHER_KEYS: narrowgate publish --key FILE.",
  429: "Wait a minute; or set ISSUER and PUBLISHER_KEYS in the configuration.",
  503: "Set the secret (on Cloudflare: npx wrangler secret put CLAIM), or try again in a moment, as the answer says.",
}

async function post(url: string, body: object): Promise<{ readonly status: number; readonly answer: unknown }> {
  return reach(url, async () => {
    const response = await fetch(new URL("/v1/claim", url), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return { status: response.status, answer: await response.json().catch(() => null) }
  })
}

async function isOurs(url: string, key: JWK): Promise<boolean> {
  return historyAt(url, key).then(
    () => true,
    () => false,
  )
}

const LOOK_EVERY_MS = 250
const LOOKS = 40

/** An isolate that found no owner asks again after a second. */
async function untilKnown(url: string, key: JWK): Promise<void> {
  for (let looks = 0; looks < LOOKS; looks++) {
    if (await isOurs(url, key)) return
    await sleep(LOOK_EVERY_MS)
  }
  throw new Failure(
    `${url} is claimed, and does not accept the key yet`,
    "Try `narrowgate publish` in a minute.",
    EXIT.unreachable,
  )
}
