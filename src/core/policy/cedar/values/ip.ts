/**
 * `ipaddr`: an address of IPv4 or IPv6, or the range that a prefix names. Bits beyond the prefix are kept: they count
 * for `==`, not for ranges. Addresses of the two families never match; an IPv4 address inside an IPv6 one is IPv6, and
 * has no dots.
 */
import { MALFORMED, WRONG_TYPE, asText } from "./evaluation-error.ts"
import type { Ip } from "./extension-value.ts"
import type { Value } from "./value.ts"
import { type ExtensionFunctions, binary, unary } from "./extension.ts"

export const IP_FUNCTIONS: ExtensionFunctions = [
  ["ip", unary((text) => parse(asText(text)))],
  ["isIpv4", unary((value) => asIp(value).bits === 32)],
  ["isIpv6", unary((value) => asIp(value).bits === 128)],
  ["isLoopback", unary((value) => isIn(asIp(value), LOOPBACK[asIp(value).bits]))],
  ["isMulticast", unary((value) => isIn(asIp(value), MULTICAST[asIp(value).bits]))],
  ["isInRange", binary((left, right) => isIn(asIp(left), asIp(right)))],
]

/** The longest spelling, of an IPv6 address with a prefix. */
const MAX_LENGTH = 43

function parse(text: string): Ip {
  if (text.length > MAX_LENGTH) throw MALFORMED
  const slash = text.indexOf("/")
  const address = slash === -1 ? text : text.slice(0, slash)
  const four = readIpv4(address)
  const bits = four === undefined ? 128 : 32
  const value = four ?? readIpv6(address)
  const prefix = slash === -1 ? bits : readPrefix(text.slice(slash + 1), bits)
  if (value === undefined || prefix === undefined) throw MALFORMED
  return ip(bits, value, prefix)
}

function ip(bits: 32 | 128, address: bigint, prefix: number): Ip {
  return { kind: "ip", key: `ip(${bits},${address},${prefix})`, bits, address, prefix }
}

/** RFC 5735, section 3; RFC 5771, section 3; RFC 4291, sections 2.5.3 and 2.7. */
const LOOPBACK = { 32: ip(32, 0x7f000000n, 8), 128: ip(128, 1n, 128) }
const MULTICAST = { 32: ip(32, 0xe0000000n, 4), 128: ip(128, 0xffn << 120n, 8) }

/** Decimal, and never octal: a leading zero is an error. */
const NUMBER = /^(?:0|[1-9]\d{0,2})$/

function readPrefix(text: string, bits: number): number | undefined {
  return NUMBER.test(text) && Number(text) <= bits ? Number(text) : undefined
}

function readIpv4(text: string): bigint | undefined {
  const octets = text.split(".")
  if (octets.length !== 4 || !octets.every((octet) => NUMBER.test(octet) && Number(octet) < 256)) return undefined
  return joined(octets.map(Number), 8n)
}

/** Eight groups, or fewer with one `::` in place of at least one. */
function readIpv6(text: string): bigint | undefined {
  const [head = "", tail, more] = text.split("::")
  const before = readGroups(head)
  const after = readGroups(tail ?? "")
  if (more !== undefined || before === undefined || after === undefined) return undefined
  const left = 8 - before.length - after.length
  if (tail === undefined ? left !== 0 : left < 1) return undefined
  return joined([...before, ...Array.from({ length: left }, () => 0), ...after], 16n)
}

function readGroups(text: string): readonly number[] | undefined {
  if (text === "") return []
  const groups = text.split(":")
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
    ? groups.map((group) => parseInt(group, 16))
    : undefined
}

function joined(parts: readonly number[], bits: bigint): bigint {
  return parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n)
}

function isIn(inner: Ip, outer: Ip): boolean {
  if (inner.bits !== outer.bits || inner.prefix < outer.prefix) return false
  return (inner.address ^ outer.address) >> BigInt(outer.bits - outer.prefix) === 0n
}

function asIp(value: Value): Ip {
  if (typeof value !== "object" || !("kind" in value) || value.kind !== "ip") throw WRONG_TYPE
  return value
}
