/**
 * A fresh isolate on empty storage, for each test: the Worker's module-wide caches would otherwise remember the last.
 */
import { abortAllDurableObjects, listDurableObjectIds, reset, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { forgetEdgeRecords } from "../../src/audit/edge-recorder.ts"
import { forgetRecordKey } from "../../src/audit/record-key.ts"
import { forgetClientDocuments } from "../../src/credentials/client-document.ts"
import { forgetKeySets } from "../../src/credentials/key-sets/key-set.ts"
import { forgetOwnKeys } from "../../src/credentials/key-sets/own-keys.ts"
import { forgetSigningKeys } from "../../src/signing/signing-key.ts"
import { forgetReads } from "../../src/ledger/record-outbox.ts"
import { forgetCandidate } from "../../src/bundles/candidate.ts"
import { forgetOwner } from "../../src/bundles/ownership.ts"
import { forgetOwnership } from "../../src/platform/config.ts"
import { forgetBundle, POINTER_KEY } from "../../src/bundles/store.ts"
import { publications } from "../../src/bundles/publications.ts"
import { forgetSwitches } from "../../src/revocation/lease.ts"
import { forgetReports } from "../../src/revocation/report.ts"

/** Of objects whose names a later test uses again: of a session it has its own. */
const KNOWN_BY_NAME = [
  env.LEDGER,
  env.INBOX,
  env.ONCE_LOG,
  env.EXPORTER,
  env.METRICS_EXPORTER,
  env.OUTBOUND,
  env.PUBLICATIONS,
  env.RECORD_LOG,
  env.CLIENT_REGISTRY,
  env.REGISTRATION,
  env.SHARED_LIMIT,
  env.SWITCHBOARD,
]

/** workerd stops an object that was idle for ten seconds. */
const MAY_BE_IDLE_MS = 9_000
let haveDied = false
let lastReset = performance.now()

/** Every object dies where it stands: what was not written is gone, requests under way fail. */
export async function killObjects(): Promise<void> {
  haveDied = true
  await abortAllDurableObjects()
}

async function wakeAll(objects: DurableObjectNamespace): Promise<void> {
  for (const id of await listDurableObjectIds(objects)) await runInDurableObject(objects.get(id), () => undefined)
}

export async function freshIsolate(): Promise<void> {
  // The reset passes over objects that do not run: those that hold the bundle must run, and those that a test killed or
  // left idle are woken. Not after each test: the list has every object that there ever was in this run.
  await env.BUNDLES.get(POINTER_KEY)
  await publications(env).newest()
  const mayBeIdle = performance.now() - lastReset > MAY_BE_IDLE_MS
  if (haveDied || mayBeIdle) await Promise.all(KNOWN_BY_NAME.map(wakeAll))
  await reset()
  haveDied = false
  lastReset = performance.now()
  forgetReads()
  forgetEdgeRecords()
  forgetCaches()
}

/** The next request meets a cold isolate, on the storage that is there. */
export function forgetCaches(): void {
  forgetOwner()
  forgetOwnership()
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
