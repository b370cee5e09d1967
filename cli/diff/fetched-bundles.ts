/** Bundles by their digest: the bundle by which a record was made supplies what the record leaves out. */
import { assemble, type Bundle } from "../../src/core/policy/assemble.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { bundles } from "../../src/api/contract/bundles.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"
import type { Usable } from "./tests.ts"

/** Records come from a few bundles; each is large. */
const MAX_FETCHED = 20

export async function bundlesByDigest(usables: readonly Usable[]): Promise<Map<string, Bundle>> {
  const pairs = usables.map(async ({ body, bundle }): Promise<[string, Bundle]> => {
    return [await digestOf(canonicalBytes(body)), bundle]
  })
  return new Map(await Promise.all(pairs))
}

/**
 * Adds bundles that the Worker still has and this version can read, one by one; others are left out.
 * @returns adds the one with this digest
 */
export function fetchingFrom(
  worker: WorkerOptions,
  bearer: string,
  fetched: Map<string, Bundle>,
): (digest: string) => Promise<void> {
  const tried = new Set<string>()
  return async (digest) => {
    if (tried.has(digest) || tried.size >= MAX_FETCHED) return
    tried.add(digest)
    const bundle = await fetchBundle(worker, bearer, digest).catch(() => null)
    if (bundle) fetched.set(digest, bundle)
  }
}

/** Throws if the Worker does not have it, or if this version cannot read it. */
export async function fetchBundle(worker: WorkerOptions, bearer: string, digest: string): Promise<Bundle> {
  const input = { parameters: { digest }, schema: bundles.showBundle.answer() }
  const { body } = await requestApi(worker, bearer, "showBundle", input)
  return assemble(body, { seq: 0, digest })
}
