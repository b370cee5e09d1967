/**
 * A fresh isolate on empty storage, for each test: the Worker's module-wide caches would otherwise remember the last.
 */
import { reset } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { forgetEdgeRecords } from "../../src/audit/edge-recorder.ts"
import { forgetRecordKey } from "../../src/audit/record-key.ts"
import { forgetClientDocuments } from "../../src/credentials/client-document.ts"
import { forgetKeySets } from "../../src/credentials/key-sets/key-set.ts"
import { forgetOwnKeys } from "../../src/credentials/key-sets/own-keys.ts"
import { forgetSigningKeys } from "../../src/signing/signing-key.ts"
import { forgetReads } from "../../src/ledger/record-outbox.ts"
import { forgetCandidate } from "../../src/bundles/candidate.ts"
import { forgetBundle, POINTER_KEY } from "../../src/bundles/store.ts"
import { publications } from "../../src/bundles/publications.ts"
import { forgetSwitches } from "../../src/revocation/lease.ts"
import { forgetReports } from "../../src/revocation/report.ts"

export async function freshIsolate(): Promise<void> {
  // The reset passes over objects that do not run, as after a crash: those that hold the bundle must run.
  await env.BUNDLES.get(POINTER_KEY)
  await publications(env).newest()
  await reset()
  forgetReads()
  forgetEdgeRecords()
  forgetCaches()
}

/** The next request meets a cold isolate, on the storage that is there. */
export function forgetCaches(): void {
  forgetBundle()
  forgetCandidate()
  forgetOwnKeys()
  forgetSigningKeys()
  forgetRecordKey()
  forgetKeySets()
  forgetClientDocuments()
  forgetSwitches()
  forgetReports()
}
