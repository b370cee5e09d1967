/** Which claims of a token are looked at: those that must be so, and those that tell of a person. */

/** Claims with the very value that each must have; of a nested claim those of its members that are named. */
export interface ExactClaims {
  readonly [claim: string]: string | number | boolean | ExactClaims
}

/** Names from the outside in. */
export type ClaimPath = readonly [string, ...string[]]

/** Where facts about a person stand: a claim's name, or the way to it through nested claims. */
export interface PersonClaims {
  /** What names the person: one that all kinds of token of the issuer share. */
  readonly subject: ClaimPath
  readonly groups: ClaimPath
  readonly acr: ClaimPath
  readonly auth_time: ClaimPath
}
