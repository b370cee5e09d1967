/** Bounds of one argument, all of which must hold. They only ever add up (DESIGN §4). */
export interface ArgumentBound {
  readonly eq?: string | number | boolean
  readonly in?: readonly (string | number | boolean)[]
  readonly min?: number
  readonly max?: number
  /** `*` stands for any run of characters. */
  readonly like?: string
  /** Characters of a string, members of a list. */
  readonly max_length?: number
}

/** By argument name. An argument with bounds must be present. */
export type ArgumentBounds = Readonly<Record<string, ArgumentBound>>
