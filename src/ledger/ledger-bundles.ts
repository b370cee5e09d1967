/** By which bundle a step of a ledger is made, if the ledger's object has not decided by it just before. */
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { bundleOf } from "../bundles/store.ts"
import { LEDGER_VERSION, type NoBundle } from "./protocol.ts"
import type { Trees } from "./trees.ts"

export class LedgerBundles {
  readonly #trees: Trees
  readonly #env: Env

  constructor(trees: Trees, env: Env) {
    this.#trees = trees
    this.#env = env
  }

  /** Null if the bundle cannot be loaded, or if the request is of another version. */
  async of(version: number, pointer: Pointer): Promise<Bundle | null> {
    return version === LEDGER_VERSION ? bundleOf(this.#env.BUNDLES, pointer) : null
  }

  /** A step by the bundle that the request names. */
  async by<Answered>(
    version: number,
    pointer: Pointer,
    step: (bundle: Bundle) => Answered | Promise<Answered>,
  ): Promise<Answered | NoBundle> {
    const bundle = await this.of(version, pointer)
    return bundle ? step(bundle) : { bundle: "unavailable" }
  }

  /** A bundle that is older than one that decided here does not say who may answer, or what is to be seen. */
  async newest(version: number, pointer: Pointer): Promise<Bundle | null> {
    const current = this.#trees.state?.bundle
    return this.of(version, current && current.seq > pointer.seq ? current : pointer)
  }
}
