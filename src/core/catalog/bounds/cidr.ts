/**
 * `cidr`: an IP address, or a network, within networks (RFC 4632; RFC 4291, section 2.3). An address of IPv4 that is
 * written as one of IPv6 (`::ffff:192.0.2.1`; RFC 4291, section 2.5.5.2) is that of IPv4: a socket reaches the same host
 * by both.
 */
import * as z from "zod"
import { anyOf, eachCovered, LONGEST_ITEM, MOST_ITEMS, outside, unclear, type BoundKind, type Miss } from "./kind.ts"

type Networks = readonly string[]

export interface Network {
  readonly bits: 32 | 128
  readonly address: bigint
  readonly prefix: number
}

/** Four decimal numbers without leading zeros, which some readers take for octal. */
const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const GROUP = /^[0-9a-f]{1,4}$/i
const PREFIX = /^(?:0|[1-9]\d{0,2})$/
const MAPPED = 0xffffn << 32n

/** Null if it is neither an address nor a network that all readers take alike: a zone, bits behind the prefix. */
export function networkOf(text: string): Network | null {
  const [written = "", length, ...more] = text.split("/")
  const own = addressOf(written)
  if (!own || more.length > 0) return null
  if (length !== undefined && !(PREFIX.test(length) && Number(length) <= own.bits)) return null
  const network = { ...own, prefix: length === undefined ? own.bits : Number(length) }
  if (network.address & maskBehind(network)) return null
  return asV4(network)
}

/** `10.0.0.0/8`, `2001:db8:0:0:0:0:0:0/32`. */
export function networkText({ bits, address, prefix }: Network): string {
  const [parts, width, radix, separator] = bits === 32 ? [4, 8n, 10, "."] : [8, 16n, 16, ":"]
  const all = Array.from({ length: parts }, (_, place) => {
    return ((address >> (BigInt(parts - 1 - place) * width)) & ((1n << width) - 1n)).toString(radix)
  })
  return `${all.join(separator)}/${prefix}`
}

const maskBehind = ({ bits, prefix }: Omit<Network, "address">): bigint => (1n << BigInt(bits - prefix)) - 1n

/** Null if it has mapped addresses beside others, so that it is not clear whether those of IPv4 are meant. */
function asV4(network: Network): Network | null {
  const { bits, address, prefix } = network
  if (bits === 32) return network
  if (prefix >= 96 && address >> 32n === MAPPED >> 32n) {
    return { bits: 32, address: address & 0xffff_ffffn, prefix: prefix - 96 }
  }
  return network
}

function addressOf(text: string): Pick<Network, "bits" | "address"> | null {
  if (V4.test(text)) return { bits: 32, address: v4Of(text) }
  const halves = text.split("::")
  if (!text.includes(":") || halves.length > 2) return null
  const [before, after] = halves.map((half, nth) => groupsOf(half, nth === halves.length - 1))
  if (!before || (halves.length === 2 && !after)) return null
  const missing = 8 - before.length - (after?.length ?? 0)
  // RFC 5952, section 4.2.2: `::` stands for two groups or more; some readers refuse it for one, or none.
  if (after ? missing < 1 : missing !== 0) return null
  const groups = [...before, ...Array.from({ length: after ? missing : 0 }, () => 0n), ...(after ?? [])]
  return { bits: 128, address: groups.reduce((all, group) => (all << 16n) | group, 0n) }
}

/** The last group of an address may be one of IPv4. Null if one is no group. */
function groupsOf(text: string, isLast: boolean): readonly bigint[] | null {
  if (text === "") return []
  const parts = text.split(":")
  const last = parts.at(-1) ?? ""
  const v4 = isLast && V4.test(last) ? v4Of(last) : null
  const plain = v4 === null ? parts : parts.slice(0, -1)
  if (!plain.every((part) => GROUP.test(part))) return null
  return [...plain.map((part) => BigInt(`0x${part}`)), ...(v4 === null ? [] : [v4 >> 16n, v4 & 0xffffn])]
}

const v4Of = (text: string): bigint => text.split(".").reduce((all, part) => (all << 8n) | BigInt(part), 0n)

function contains(wide: Network, narrow: Network): boolean {
  if (wide.bits !== narrow.bits || wide.prefix > narrow.prefix) return false
  const shift = BigInt(wide.bits - wide.prefix)
  return wide.address >> shift === narrow.address >> shift
}

const parsed = (networks: Networks): readonly Network[] => networks.flatMap((text) => networkOf(text) ?? [])

function read(value: unknown): Network | Miss {
  if (typeof value !== "string") return unclear("it is no text")
  const network = value.length <= LONGEST_ITEM ? networkOf(value) : null
  // `::/0` has the mapped addresses too, and nobody knows whether those of IPv4 are meant.
  const isMixed = network?.bits === 128 && contains(network, { bits: 128, address: MAPPED, prefix: 96 })
  return network && !isMixed ? network : unclear("it is no address or network that all readers take alike")
}

export const cidr: BoundKind<Networks, Network> = {
  definition: z
    .array(
      z
        .string()
        .max(LONGEST_ITEM)
        .refine((text) => networkOf(text) !== null, {
          error: "not a network",
          params: { fix: "Write `10.0.0.0/8` or `2001:db8::/32`, with no bits behind the prefix, or one address." },
        }),
    )
    .min(1)
    .max(MOST_ITEMS)
    .readonly()
    .describe(
      "The argument is an IP address or a network (CIDR) within one of these networks, or a list of such. An IPv4 address in its IPv6 form counts as IPv4.",
    ),
  judgesWhole: false,
  isOfObjects: () => false,
  read,
  units: () => 600,
  compile: (networks) => {
    const all = parsed(networks)
    return {
      units: 10 * all.length,
      judge: (network) => (all.some((each) => contains(each, network)) ? null : outside("it is in another network")),
    }
  },
  words: (networks) => `is an IP address or network in ${anyOf(networks)}`,
  contradiction: () => null,
  implies: (one, other) => eachCovered(parsed(one), parsed(other), contains),
}
