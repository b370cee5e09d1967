/** Reads values that may be anything. */
import { base64url } from "jose"

export type JsonObject = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Undefined: it is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A member that is a text. Undefined: there is none, or the value has no members. */
export const textAt = (value: unknown, name: string): string | undefined =>
  isObject(value) && typeof value[name] === "string" ? value[name] : undefined

/** Members that may be undefined become optional ones. */
export type Defined<Members> = string extends keyof Members
  ? Record<string, Exclude<Members[keyof Members], undefined>>
  : { [Name in keyof Members as undefined extends Members[Name] ? never : Name]: Members[Name] } & {
      [Name in keyof Members as undefined extends Members[Name] ? Name : never]?: Exclude<Members[Name], undefined>
    }

/** The members that are not undefined. */
export function definedOf<Members extends object>(members: Members): Defined<Members>
export function definedOf(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

/** The claims of a JWT, unverified. Undefined: it is none. */
export function claimsOf(jwt: string): JsonObject | undefined {
  const [, payload, signature] = jwt.split(".")
  if (payload === undefined || signature === undefined) return undefined
  try {
    const claims = parsed(new TextDecoder().decode(base64url.decode(payload)))
    return isObject(claims) ? claims : undefined
  } catch {
    return undefined
  }
}

/** `Retry-After` in seconds (RFC 9110, section 10.2.3), which may also be a date. */
export function secondsIn(header: string | null): number | undefined {
  if (header === null) return undefined
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1000))
}

/** Milliseconds since the epoch of which a `Date` can be made. */
export const isTime = (at: number): boolean => Math.abs(at) <= 8.64e15

/** A bearer token (RFC 6750, section 2.1). Anything else would stand in the message of an error about a header. */
export const isToken = (value: unknown): value is string => typeof value === "string" && /^[\w.~+/-]+=*$/.test(value)
