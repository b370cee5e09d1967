/** The claims of a token that are read: those with a required value, and those with facts about a person. */

/** Claims with the exact value that each must have; of a nested claim the named members. */
export interface ExactClaims {
  readonly [claim: string]: string | number | boolean | ExactClaims
}

/** Names from the outside in. */
export type ClaimPath = readonly [string, ...string[]]

/** Where facts about a person are: a claim's name, or the path to it through nested claims. */
export interface PersonClaims {
  /** The claim that identifies the person, the same in all kinds of token of the issuer. */
  readonly subject: ClaimPath
  readonly groups: ClaimPath
  readonly acr: ClaimPath
  readonly auth_time: ClaimPath
}
