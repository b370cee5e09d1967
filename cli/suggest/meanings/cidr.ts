/** Addresses in one network, whose prefix is of a length that networks have in practice. */
import { networkOf, networkText, type Network } from "../../../src/core/catalog/bounds/cidr.ts"
import { isSettled } from "../settled.ts"
import { isDefinition, isWithin, type LearnedMeaning, type Learner } from "./learner.ts"

/** From the narrowest; a wider one is none that anybody has. */
const PREFIXES = { 32: [32, 24, 16, 8], 128: [128, 64, 56, 48, 32] } as const

export class CidrLearner implements Learner {
  #network: Network | null = null
  #isAddress = true
  #count = 0
  #changedAt = 0

  add(text: string): void {
    const network = networkOf(text)
    const before = this.#network
    if (!this.#isAddress || !network || !isWithin({ cidr: [text] }, text)) {
      this.#isAddress = false
      return
    }
    this.#count += 1
    const common = widened(before ?? network, network)
    if (!common) this.#isAddress = false
    if (common?.prefix !== before?.prefix) this.#changedAt = this.#count
    this.#network = common
  }

  get learned(): LearnedMeaning | null {
    if (!this.#isAddress || !this.#network || !isSettled(this.#changedAt, this.#count)) return null
    const text = networkText(this.#network)
    const other = networkText({
      ...this.#network,
      address: this.#network.address ^ (1n << BigInt(this.#network.bits - this.#network.prefix)),
    })
    if (!isDefinition("cidr", [text])) return null
    return { bound: { cidr: [text] }, words: `was an address in ${text}`, within: text, outside: other }
  }
}

/** The narrowest of the usual lengths that has both; null if there is none. */
function widened(one: Network, other: Network): Network | null {
  if (one.bits !== other.bits) return null
  for (const prefix of PREFIXES[one.bits]) {
    const shift = BigInt(one.bits - prefix)
    const isWide = prefix <= one.prefix && prefix <= other.prefix
    if (isWide && one.address >> shift === other.address >> shift) {
      return { bits: one.bits, prefix, address: (one.address >> shift) << shift }
    }
  }
  return null
}
