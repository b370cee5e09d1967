/** DEVELOPMENT ONLY: compiles a policy directory and publishes it into the local stack's KV. */
import { decodeJwt, type JWK } from "jose"
import { compilePolicies, type Compiled } from "../cli/policies/compile.ts"
import { signPointer } from "../cli/policies/publish.ts"
import type { Pointer } from "../src/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../src/policy/digest.ts"
import { fitToStack, type Origins } from "./seed.ts"

/** What of a KV namespace is needed. */
export interface Store {
  readonly get: (key: string) => Promise<string | null>
  readonly put: (key: string, value: string | ArrayBuffer) => Promise<void>
  readonly delete: (key: string) => Promise<void>
}

export function isStore(value: unknown): value is Store {
  return typeof value === "object" && value !== null && "get" in value && "put" in value
}

export interface Published {
  /** Null where the directory does not check: what was live before stays so. */
  readonly pointer: Pointer | null
  readonly compiled: Compiled
}

/** @param what to decide by it, or to try it beside what decides */
export async function publish(
  directory: string,
  store: Store,
  publisher: JWK,
  origins: Origins,
  what: "pointer" | "candidate" = "pointer",
): Promise<Published> {
  const compiled = await compilePolicies(directory)
  const { body } = compiled
  if (!body) return { pointer: null, compiled }
  const bytes = canonicalBytes(fitToStack(body, origins))
  const digest = await digestOf(bytes)
  const live = await store.get(what)
  const seq = live === null ? 1 : Number(decodeJwt(live)["seq"]) + 1
  // The body first: a pointer must never name what is not there yet.
  await store.put(`body/${digest}`, bytes.buffer)
  await store.put(what, await signPointer(publisher, { seq, digest }, what))
  return { pointer: { seq, digest }, compiled }
}
