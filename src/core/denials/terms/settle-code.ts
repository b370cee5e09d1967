/** The errors of a gateway that reports the end of a call, and the status of each; those of its key are `Code`s. */
export const SETTLE_CODES = { invalid_request: 400, unsettling_gateway: 403, not_found: 404 } as const
export type SettleCode = keyof typeof SETTLE_CODES
