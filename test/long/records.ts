/** The records of a deployment, as an operator reads them, page by page. */
import { firstIdAt } from "../../src/core/encoding/ids.ts"

export interface RecordSeen {
  readonly id: string
  readonly path: string
  readonly task: string | null
  readonly life: number | null
  readonly number: number | null
}

const PAGE = 250

/**
 * The newest first.
 * @param base URL of the Worker
 * @param of filters of `GET /v1/decisions`
 */
export async function readRecords(
  base: string,
  operator: () => Promise<string>,
  of: Readonly<Record<string, string>>,
): Promise<readonly RecordSeen[]> {
  const found: RecordSeen[] = []
  let before = firstIdAt("dec", Date.now() + 60_000)
  for (;;) {
    const query = new URLSearchParams({ ...of, limit: String(PAGE), before })
    const response = await fetch(`${base}/v1/decisions?${query}`, { headers: { authorization: await operator() } })
    if (response.status !== 200) throw new Error(`records: ${response.status} ${await response.text()}`)
    const { decisions }: { readonly decisions: readonly RecordSeen[] } = Object(await response.json())
    found.push(...decisions.map(({ id, path, task, life, number }) => ({ id, path, task, life, number })))
    const last = decisions.at(-1)
    if (!last || decisions.length < PAGE) return found
    before = last.id
  }
}
