/** `/v1/users/erase`: what the ledgers say of a person is deleted, and the answer names what is left elsewhere. */
import { allLogs } from "../audit/record-logs.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { KEEP_DEAD_MS } from "../notifications/queue.ts"
import { ledgerOf, type LedgerOwner } from "../platform/task-id.ts"
import { askStub } from "../ledger/ask.ts"
import type { Erased } from "../ledger/protocol.ts"
import { MAX_SESSION_MS } from "../web/session.ts"
import { REMAINING, REMAINS } from "./contract/users.ts"
import type { ApiError } from "./outcome.ts"
import type { Handler } from "./handler.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

/** Ledgers that are asked at once. */
const AT_ONCE = 32
const DAY_MS = 86_400_000
/** For so long Cloudflare can restore an object as it was. */
const RECOVERY_MS = 30 * DAY_MS
/** For so long a notification is tried again, and then stored as a dead letter. */
const NOTICES_MS = DAY_MS + KEEP_DEAD_MS

/**
 * A person's requests for consent are in the ledgers of agents until they are granted, so those come first. Of an agent
 * with partitions they are in the first one; the others have nothing of people.
 */
export const eraseUser: Handler<"eraseUser"> = async ({ body, caller, bundle, context, started }) => {
  const { user } = body
  const bar = user.indexOf("|")
  const person = { issuer: user.slice(0, bar), subject: user.slice(bar + 1) }
  const recorded = { user, arguments: { ...body } }
  const record = recordOf({ decision: "allow", code: "ok", ...caller, ...started, ...recorded })
  const erase = async (owner: LedgerOwner): Promise<Erased | null> =>
    askStub(
      () => ledgerOf(context.env, owner),
      async (ledger) => ledger.erase(person, record),
    )
  const agents = Array.from(bundle.agents.values(), ({ id }) => ({ agent: historyKeyOf(id) }))
  const done: (Erased | null)[] = []
  for (let from = 0; from < agents.length; from += AT_ONCE)
    done.push(...(await Promise.all(agents.slice(from, from + AT_ONCE).map(erase))))
  const own = await erase(person)
  const all = [...done, own].filter((each) => each !== null)
  if (!own || all.length <= agents.length) return uncertain(recorded)
  // After the ledgers, which send what they still have.
  const logs = await Promise.all(allLogs(context.env).map(async (log) => log.erase(user).catch(() => null)))
  if (logs.includes(null)) return uncertain(recorded)
  const now = Date.now()
  const until = { sessions: now + MAX_SESSION_MS, notices: now + NOTICES_MS, recovery: now + RECOVERY_MS }
  const remaining = {
    ...(own.until !== null && { counts: own.until }),
    consents: null,
    switches: null,
    ...until,
    records: null,
  }
  const remains = REMAINING.flatMap((where) => {
    const time = remaining[where]
    return time === undefined ? [] : { where, what: REMAINS[where], until: time }
  })
  const sum = (of: "ended" | "trees"): number => all.reduce((total, each) => total + each[of], 0)
  const records = logs.reduce((total, log) => total + (log?.erased ?? 0), 0)
  return { answer: { user, ended: sum("ended"), erased: sum("trees"), records, remains }, record: recorded }
}

const uncertain = (record: Partial<DecisionRecord>): ApiError<"unavailable"> => ({
  error: "unavailable",
  description: "It is not certain that everything is erased: ask again.",
  record,
})
