/** The policies by which an exporter works. */
import { bundleOf } from "../bundles/store.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { bundleFor, type RequestContext } from "../request-context.ts"

/** @param noticed the newest bundle of which the exporter has a notice: that of its isolate may be older */
export async function bundleOfSinks(context: RequestContext, noticed: Pointer | null): Promise<Bundle | null> {
  const bundle = await bundleFor(context)
  return noticed && (bundle?.pointer.seq ?? 0) < noticed.seq ? bundleOf(context.env.BUNDLES, noticed) : bundle
}
