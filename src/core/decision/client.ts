/**
 * What a gateway asserts of the client in front of it: country and network, from headers that the gateway sets itself.
 */
import type { GatewayDefinition } from "../policy/definition/gateways.ts"

export interface Client {
  /** Null if the gateway asserts none; empty if it should, but its value is none. */
  readonly country: string | null
  /** The part of the address that stays the same while a client does: /24 of IPv4, /48 of IPv6. */
  readonly network: string | null
}

export const UNKNOWN_CLIENT: Client = { country: null, network: null }

export function clientOf({ asserts }: GatewayDefinition, headers: Headers): Client {
  if (!asserts) return UNKNOWN_CLIENT
  const { country, client_ip } = asserts
  return {
    country: country === undefined ? null : countryIn(headers.get(country) ?? ""),
    network: client_ip === undefined ? null : networkOf(headers.get(client_ip) ?? ""),
  }
}

/** ISO 3166-1 alpha-2, or one of the codes that content networks add to it, such as `T1`. */
export function isCountry(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9]$/.test(text)
}

function countryIn(text: string): string {
  return isCountry(text) ? text.toUpperCase() : ""
}

/** Reads a single address only: of several, nobody knows which the gateway has seen itself. */
export function networkOf(address: string): string {
  const four = ipv4(address)
  if (four) return `${four.slice(0, 3).join(".")}.0/24`
  // The URL standard's own parser reads addresses; a text that is no address gives no such URL.
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(address) || !URL.canParse(`http://[${address}]`)) return ""
  const groups = groupsOf(new URL(`http://[${address}]`).hostname.slice(1, -1))
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xff_ff) {
    const [high = 0, low = 0] = groups.slice(6)
    return `${high >> 8}.${high & 0xff}.${low >> 8}.0/24`
  }
  return `${groups
    .slice(0, 3)
    .map((group) => group.toString(16))
    .join(":")}::/48`
}

function ipv4(address: string): readonly number[] | null {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1)
  // `010` is eight to some readers and ten to others.
  if (!octets || octets.some((octet) => Number(octet) > 255 || (octet.length > 1 && octet.startsWith("0")))) return null
  return octets.map(Number)
}

/** Expands the shortened form that the URL standard writes to all eight groups. */
function groupsOf(host: string): readonly number[] {
  const [front = "", back] = host.split("::")
  const read = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))
  const [before, after] = [read(front), back === undefined ? [] : read(back)]
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}
