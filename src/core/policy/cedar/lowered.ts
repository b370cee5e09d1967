/**
 * What `policies/*.cedar` becomes at build time: Cedar's own JSON policy format, made by the official engine, and what
 * the build already knows about each rule. Source: Cedar documentation, "JSON policy format".
 */

export interface EntityUid {
  readonly type: string
  readonly id: string
}

/** One entity of the JSON entity format, stored with the bundle. */
export interface StoredEntity {
  readonly uid: EntityUid
  readonly attrs: Readonly<Record<string, unknown>>
  readonly tags?: Readonly<Record<string, unknown>>
  readonly parents: readonly EntityUid[]
}

export interface LoweredRule {
  /** `@id`, unique in the bundle. */
  readonly id: string
  /** The policy in Cedar's JSON format; the evaluator's compiler is its parser, and rejects unknown forms. */
  readonly policy: unknown
  /** `@remedy` of a `forbid … unless`: what would make the call allowed. */
  readonly remedy?: string
  /** `@message` of a `forbid`, for the agent whose call it denies (message.ts). */
  readonly message?: string
  /**
   * Names below `context.arguments` that the rule reads; `*` if it reads the arguments as a whole. Those of the rules
   * for a tool must be present and representable for the tool to be decided at all, and go into the record.
   */
  readonly reads: readonly string[]
  /**
   * Names of members, at any depth within arguments, that the rule reads: an object of a call must have none that an
   * upstream could confuse with one of them. Absent: none.
   */
  readonly members?: readonly string[]
  /**
   * Other members of the context that it reads (`task.calls`, `session`), `*`: all; absent: none. They too go into the
   * record.
   */
  readonly facts?: readonly string[]
}
