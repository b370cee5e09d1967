/** DEVELOPMENT ONLY: compiles a policy directory and publishes it to the local stack's Worker. */
import type { JWK } from "jose"
import { compilePolicies, type Compiled } from "../cli/compiler/compile.ts"
import { historyAt, publishTo } from "../cli/remote/publish.ts"
import type { Pointer } from "../src/core/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../src/core/policy/digest.ts"
import { fitToStack, type Origins } from "../cli/remote/local-stack-policies.ts"

export interface Published {
  /** Null if the directory does not check; the live bundle then stays. */
  readonly pointer: Pointer | null
  readonly compiled: Compiled
}

/** Of one Worker. */
export interface Publisher {
  readonly url: string
  readonly key: JWK
  readonly origins: Origins
  /** Its issuer, if that is not the origin of `url`. */
  readonly audience?: string
}

/** @param what to make it live, or to make it the candidate */
export async function publish(
  directory: string,
  { url, key, origins, audience }: Publisher,
  what: "pointer" | "candidate" = "pointer",
): Promise<Published> {
  const compiled = await compilePolicies(directory)
  const { body } = compiled
  if (!body) return { pointer: null, compiled }
  const bytes = canonicalBytes(fitToStack(body, origins))
  const digest = await digestOf(bytes)
  const reason = { by: "the local stack", why: `as it stands in ${directory}` }
  const { seq } = await publishTo({
    url,
    key,
    what,
    digest,
    bytes,
    reason,
    over: "any",
    ...(audience !== undefined && { audience }),
  })
  return { pointer: { seq, digest }, compiled }
}

/** Withdraws the candidate. */
export async function withdrawAny({ url, key, audience }: Publisher): Promise<void> {
  const { history } = await historyAt(url, key, audience)
  const tried = history.find(({ what, done }) => what !== "pointer" && done)
  if (tried?.what !== "candidate") return
  const reason = { by: "the local stack", why: "started without a candidate" }
  await publishTo({
    url,
    key,
    what: "withdrawal",
    digest: tried.digest,
    reason,
    over: "any",
    ...(audience !== undefined && { audience }),
  })
}
