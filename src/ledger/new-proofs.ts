/** What a ledger knows of proofs when its life begins: nothing. */
import { Proofs } from "../core/task/proof-log.ts"
import { newSecret } from "../platform/secret.ts"

export const newNonce = (): string => newSecret(16)

/** @param since milliseconds, by the ledger's clock: proofs of before may have been used */
export const proofsSince = (since: number): Proofs => new Proofs(newNonce(), since)
