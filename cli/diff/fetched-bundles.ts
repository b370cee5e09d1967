/** Bundles by their digest: those by which records were made tell what the records leave out. */
import { assemble, type Bundle } from "../../src/core/policy/assemble.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import { bundles } from "../../src/api/contract/bundles.ts"
import { askApi, type WorkerOptions } from "../remote/worker.ts"
import type { Usable } from "./tests.ts"

/** Records are of a few bundles; each is large. */
const MAX_FETCHED = 20

export async function knownOf(usables: readonly Usable[]): Promise<Map<string, Bundle>> {
  const pairs = usables.map(async ({ body, bundle }): Promise<[string, Bundle]> => {
    return [await digestOf(canonicalBytes(body)), bundle]
  })
  return new Map(await Promise.all(pairs))
}

/** Those of the records, the newest first, that the Worker still has and this version can read; the others are left out. */
export async function fetchKnown(
  worker: WorkerOptions,
  bearer: string,
  records: readonly ShownRecord[],
  known: Map<string, Bundle>,
): Promise<void> {
  const digests = [...new Set(records.flatMap(({ bundle }) => bundle?.digest ?? []))]
  for (const digest of digests.filter((each) => !known.has(each)).slice(0, MAX_FETCHED)) {
    const bundle = await fetchBundle(worker, bearer, digest).catch(() => null)
    if (bundle) known.set(digest, bundle)
  }
}

/** Fails where the Worker does not have it, or this version cannot read it. */
export async function fetchBundle(worker: WorkerOptions, bearer: string, digest: string): Promise<Bundle> {
  const input = { parameters: { digest }, schema: bundles.showBundle.answer() }
  const { body } = await askApi(worker, bearer, "showBundle", input)
  return assemble(body, { seq: 0, digest })
}
