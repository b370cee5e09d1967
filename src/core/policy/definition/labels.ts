/** `catalog.yaml`: what is stated of a label besides the tools that have it. */

export interface LabelDefinition {
  readonly name: string
  /** Seconds for which an agent carries it into its other tasks for the same user. */
  readonly carry: number
}

/** Seconds for which an agent carries a label of which neither `labels` nor the task's purpose states a time. */
export const DEFAULT_CARRY = 3_600

/** Rows of a ledger that one agent can fill with labels. */
export const MAX_LABELS = 256
