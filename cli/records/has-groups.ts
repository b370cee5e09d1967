import type { ShownRecord } from "../remote/decision-record.ts"

/** Only a ledger knows the groups of its user: what the gateway denied by the token alone has neither them nor a count. */
export const hasGroups = ({ calls }: Pick<ShownRecord, "calls">): boolean => calls !== null
