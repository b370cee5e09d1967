/**
 * The steps by which objects of earlier releases bring what they have stored to the form of this one. A change of what a
 * class stores is a file beside this one, with one step, and a row here. The files stay: an object may have slept since
 * the first release.
 */
import { recordsBecomeBatches } from "./record-log-1.ts"

/** From one version to the next, in a transaction. */
export type StorageStep = (storage: DurableObjectStorage) => void

/** By class, from the first version on, one version each. */
export const STEPS = {
  ClientRegistry: [],
  Exporter: [],
  Inbox: [],
  Ledger: [],
  MetricsExporter: [],
  OnceLog: [],
  Outbound: [],
  Publications: [],
  RecordLog: [recordsBecomeBatches],
  Registration: [],
  Session: [],
  SharedLimit: [],
  Switchboard: [],
} as const satisfies Readonly<Record<string, readonly StorageStep[]>>

export type ObjectClass = keyof typeof STEPS
