/** The arguments of a call: what its path, query and body say, each name once. */

export interface CallArguments {
  /** False where the body, which may hold more, was not seen. */
  readonly complete: boolean
  readonly values: Readonly<Record<string, unknown>>
}

export const NO_ARGUMENTS: CallArguments = { complete: true, values: {} }
export const UNSEEN_ARGUMENTS: CallArguments = { complete: false, values: {} }
