/** Waits while waiting can help, and makes the same call again. */
import { slept } from "./clock.ts"
import { denialOf, isResponse } from "./denial-of.ts"
import type { Approval, Denial } from "./denial.ts"
import { DeniedError } from "./errors.ts"
import { isObject } from "./json.ts"
import { firstOf } from "./signals.ts"
import type { Task } from "./task.ts"

export interface UntilAllowedOptions {
  /** The task that makes the call: it reads its own approval. */
  readonly task: Task
  /** Called once for each approval that people have to give: show them its page. The wait begins when it is done. */
  readonly onApproval?: (approval: Approval, denial: Denial) => void | Promise<void>
  readonly signal?: AbortSignal
  /** Milliseconds to wait in all; 600,000 by default. */
  readonly maxWait?: number
}

const MAX_WAIT = 600_000
/** Milliseconds, if the answer does not say for how long. */
const PAUSE = 5_000
/** Milliseconds: no pause is shorter, whatever the answer says. It doubles as long as the denial stays the same. */
const LEAST_PAUSE = 1_000
/** Milliseconds: and so far. */
const MOST_PAUSE = 60_000
/** Seconds: Narrowgate holds an answer back for no longer. */
const LONGEST_HOLD = 30

/**
 * Makes a call, and exactly that call again as long as it is denied and waiting can help: people have to approve of it,
 * a limit has no room yet, no decision could be made. Returns, or throws, what the call did when it was not denied.
 *
 * @throws {DeniedError} `denied`: waiting does not help; `wait_exceeded`: it would, for longer than `maxWait`
 */
export async function untilAllowed<T>(call: () => T | Promise<T>, options: UntilAllowedOptions): Promise<T> {
  const { task, onApproval, signal, maxWait = MAX_WAIT } = options
  const deadline = Date.now() + maxWait
  const announced = new Set<string>()
  let least = { code: "", pause: LEAST_PAUSE }
  for (;;) {
    signal?.throwIfAborted()
    const outcome = await settled(call)
    const found = await denialOf("thrown" in outcome ? outcome.thrown : outcome.value)
    if (!found) {
      if ("thrown" in outcome) throw outcome.thrown
      return outcome.value
    }
    const cause = "thrown" in outcome ? { cause: outcome.thrown } : {}
    await discard(outcome)
    const denial = checked(found, task)
    const { approval } = denial
    if (approval && approval.status !== "rejected") {
      if (!announced.has(approval.id)) await onApproval?.(approval, denial)
      const isNew = !announced.has(approval.id)
      announced.add(approval.id)
      const status = await decided(task, approval, deadline, signal)
      if (status === "rejected")
        throw new DeniedError("denied", { ...denial, approval: { ...approval, status } }, cause)
      if (status === "pending") throw new DeniedError("wait_exceeded", denial, cause)
      // There is none, or people have given it, and the call is denied for it all the same: not again at once.
      if (!(isNew && status === "approved") && !(await slept(PAUSE, deadline, signal)))
        throw new DeniedError("wait_exceeded", denial, cause)
      continue
    }
    const pause = pauseOf(denial)
    if (pause === null) throw new DeniedError("denied", denial, cause)
    const doubled = Math.min(2 * least.pause, MOST_PAUSE)
    least = { code: denial.code, pause: denial.code === least.code ? doubled : LEAST_PAUSE }
    if (!(await slept(Math.max(pause, least.pause), deadline, signal)))
      throw new DeniedError("wait_exceeded", denial, cause)
  }
}

type Outcome<T> = { readonly value: T } | { readonly thrown: unknown }

async function settled<T>(call: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await call() }
  } catch (thrown) {
    return { thrown }
  }
}

/** The body of a response that is not read. */
async function discard(outcome: Outcome<unknown>): Promise<void> {
  const value = "value" in outcome ? outcome.value : null
  if (isResponse(value) && !value.bodyUsed) await value.body?.cancel().catch(() => undefined)
}

/**
 * The denial with an approval of this very task, as its issuer has it, or with none. A tool behind the gateway
 * can forge a denial: no address in it gets a token, and the only page for people is the issuer's.
 */
function checked({ approval, ...denial }: Denial, { issuer, id: task }: Task): Denial {
  if (denial.code !== "approval_required" || approval?.task !== task || !/^apr_\w{1,64}$/.test(approval.id))
    return denial
  return { ...denial, approval: { ...approval, url: `${issuer}/console/approvals/${task}/${approval.id}` } }
}

/** Milliseconds; null: waiting does not help. */
function pauseOf({ code, retryAfter }: Denial): number | null {
  if (code === "unavailable") return retryAfter === undefined ? PAUSE : retryAfter * 1000
  const isLimit = code === "rate_limited" || code === "budget_exhausted"
  return isLimit && retryAfter !== undefined ? retryAfter * 1000 : null
}

/** Returns what people have decided; `pending`: nothing in time. `gone`: there is no such approval any more. */
async function decided(
  { fetch, issuer }: Task,
  { id, task }: Approval,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<"approved" | "rejected" | "pending" | "gone"> {
  const url = `${issuer}/v1/tasks/${task}/approvals/${id}`
  for (;;) {
    const left = Math.ceil((deadline - Date.now()) / 1000)
    if (left <= 0) return "pending"
    const hold = Math.min(left, LONGEST_HOLD)
    const late = AbortSignal.timeout((hold + 15) * 1000)
    const response = await fetch(url, {
      headers: { prefer: `wait=${hold}` },
      signal: firstOf(signal, late),
    }).catch((thrown: unknown) => {
      if (isLost(thrown)) return null
      throw thrown
    })
    const body: unknown = await response?.json().catch(() => null)
    const status = isObject(body) ? body["status"] : undefined
    if (status === "approved" || status === "rejected") return status
    if (response && response.status >= 400 && response.status < 500 && response.status !== 429) return "gone"
    // The issuer has waited already; otherwise too many wait, or there is an outage.
    if (response?.ok && response.headers.has("preference-applied")) continue
    if (!(await slept(PAUSE, deadline, signal))) return "pending"
  }
}

/** A connection that broke off, or an answer that did not come. */
const isLost = (thrown: unknown): boolean =>
  thrown instanceof TypeError || (thrown instanceof DOMException && thrown.name === "TimeoutError")
