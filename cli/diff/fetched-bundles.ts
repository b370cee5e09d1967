/** Bundles by their digest: the bundle by which a record was made supplies what the record leaves out. */
import { assemble, type Bundle } from "../../src/core/policy/assemble.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
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
 * The bundles of the records, the newest first, that the Worker still has and this version can read; others are left
 * out.
 */
export async function fetchKnown(
  worker: WorkerOptions,
  bearer: string,
  records: readonly ShownRecord[],
  fetched: Map<string, Bundle>,
): Promise<void> {
  const digests = [...new Set(records.flatMap(({ bundle }) => bundle?.digest ?? []))]
  for (const digest of digests.filter((each) => !fetched.has(each)).slice(0, MAX_FETCHED)) {
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
