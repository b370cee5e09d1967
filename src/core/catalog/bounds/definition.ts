/** Argument bounds as grants, guardrails and requests define them. */

export type Scalar = string | number | boolean

/** At most one of each kind that judges what an argument means (`kinds.ts`); all must hold. */
export interface MeaningBound {
  /** Directories. */
  readonly path?: readonly string[]
  readonly url?: UrlBound
  /** Patterns of domains. */
  readonly email?: readonly string[]
  /** Networks. */
  readonly cidr?: readonly string[]
  readonly quantity?: QuantityBound
  readonly date?: DateBound
  /** JSON Schema. */
  readonly schema?: object
}

export interface UrlBound {
  /** Patterns of domains, addresses of IPv4, addresses of IPv6 in brackets. */
  readonly hosts: readonly string[]
  /** Absent: https. */
  readonly schemes?: readonly ("https" | "http" | "wss" | "ws")[]
  /** Absent: the default port of the scheme. */
  readonly ports?: readonly number[]
  /** The path is this, or below it. */
  readonly path?: string
}

export interface QuantityBound {
  /** Absent: 0. */
  readonly min?: string
  readonly max?: string
  /** Members of an object that have the number and the unit; absent: the argument is a text with both. */
  readonly number?: string
  readonly unit?: string
}

/** Dates and moments of RFC 3339, or days from the one on which the call is decided (`today-31d`), both inclusive. */
export interface DateBound {
  readonly from?: string
  readonly to?: string
}

export interface ArgumentBound extends MeaningBound {
  readonly eq?: Scalar
  readonly in?: readonly Scalar[]
  /** Inclusive. */
  readonly min?: number
  /** Inclusive. */
  readonly max?: number
  /** `*` stands for any run of characters. */
  readonly like?: string
  /** Characters (Unicode code points) of a string, members of a list. */
  readonly max_length?: number
  /** It holds, too, if the argument is absent. */
  readonly optional?: true
  /** Of `OTHERS` alone. */
  readonly absent?: true
}

/** By argument name; of `OTHERS`: all that have no other entry. */
export type ArgumentBounds = Readonly<Record<string, ArgumentBound>>

/** No request and no policy can name an argument so. */
export const OTHERS = "*"

export interface BoundsDefinition {
  readonly arguments: ArgumentBounds
  /** Arguments that the bounds do not name are refused. */
  readonly closed?: true
}
