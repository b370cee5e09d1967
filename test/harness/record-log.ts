/** One of the record logs, and records as their senders append them. */
import { env } from "cloudflare:workers"
import type { RecordLog } from "../../src/audit/record-log.ts"
import { batchOf, recordOf, storedForm, type StoredRecord } from "../../src/core/record/record.ts"
import { newId } from "../../src/platform/new-id.ts"

export const log = (): DurableObjectStub<RecordLog> => env.RECORD_LOG.getByName("records-0")

export const BEGIN = Date.UTC(2026, 10, 29)

/**
 * Each a millisecond after the one before.
 * @param after milliseconds between BEGIN and the first
 */
export function records(count: number, after = 0): readonly StoredRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const at = BEGIN + after + index
    return storedForm(recordOf({ id: newId("dec", at), at, kind: "call", path: 'a line\nand ",\n"' }))
  })
}

export async function sent(batches: readonly (readonly StoredRecord[])[]): Promise<void> {
  for (const batch of batches) await log().append(batch.length, batchOf(batch))
}

export const texts = (list: readonly { readonly body: string }[]): readonly string[] => list.map(({ body }) => body)
