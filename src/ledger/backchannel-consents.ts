/**
 * Consents of people who are elsewhere (OpenID CIBA). An agent can invent people, so its request creates no ledger of a
 * person: until it is granted, it waits in the agent's own ledger, as a task tree that opens nothing. That ledger counts
 * all requests of its agent, whomever they are for; everything that finds a task by its id (the agent's polls, the
 * person's page, an operator's end) finds the request there. Once the person has consented, the agent's poll opens the
 * task in the person's ledger, in a tree whose id has the same ULID: a tree is opened once, so the consent is redeemed
 * once, even if this object dies in between.
 */
import type { RequestStamp } from "../core/record/token-record.ts"
import { recordOf } from "../core/record/record.ts"
import { oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { userId, type UserFacts } from "../core/policy/principals.ts"
import { hasMoved, whyFull } from "../core/task/openings.ts"
import type { OpenedTask } from "../core/task/opened-task.ts"
import type { Consent } from "../core/task/pending-consent.ts"
import { locationOf } from "../core/task/audience.ts"
import type { TreeState } from "../core/task/state.ts"
import { logEvent } from "../platform/log.ts"
import { newId } from "../platform/new-id.ts"
import { askByNewest, askLedger } from "./ask.ts"
import type { Consents, Redeemable } from "./consents.ts"
import { inboxOf } from "./inbox.ts"
import { ledgerOf, movedTaskId, type LedgerStub } from "../platform/task-id.ts"
import { LEDGER_VERSION, type ConsentOutcome, type NoBundle } from "./protocol.ts"
import type { Trees } from "./trees.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

/** A task that has moved to the ledger of its person. */
interface Moved {
  readonly task: string
  readonly ledger: LedgerStub
}

export class BackchannelConsents {
  readonly #trees: Trees
  readonly #consents: Consents
  readonly #env: Env
  readonly #background: (work: Promise<unknown>) => void
  /** Requests that are being put into an inbox: they count, but are not stored yet. */
  #underWay = 0

  constructor(trees: Trees, consents: Consents, env: Env, background: (work: Promise<unknown>) => void) {
    this.#trees = trees
    this.#consents = consents
    this.#env = env
    this.#background = background
  }

  /** Puts the request into the person's inbox, and stores it. The agent's limits are checked before the inbox is asked. */
  async ask(
    bundle: Bundle,
    pointer: Pointer,
    root: string,
    consent: Consent,
    stamp: RequestStamp,
  ): Promise<ConsentOutcome | OAuthFailure | NoBundle> {
    const { agent, user, expiresAt } = consent
    const { state } = this.#trees
    const full = state && whyFull(state.requests, bundle, agent, Date.now(), this.#underWay)
    if (full) return full
    const inbox = inboxOf(this.#env, { user: userId(user) })
    this.#underWay += 1
    const hasRoom = await inbox.put(root, historyKeyOf(agent), expiresAt).catch((error: unknown) => {
      logEvent("consent_not_asked", { error: String(error) })
      return null
    })
    this.#underWay -= 1
    if (hasRoom === null) return oauthError({ reason: "unavailable" })
    if (!hasRoom) return oauthError({ reason: "too_many_tasks", what: "inbox", retry_after: 60 })
    const result = await this.#consents.ask(bundle, pointer, root, consent, stamp, this.#underWay)
    if (!("task" in result)) this.#background(inbox.remove(root))
    return result
  }

  /** Opens the task in the ledger of the person who has consented, and issues its token. */
  async redeem(
    { root, consent, request }: Redeemable,
    bundle: Bundle,
    pointer: Pointer,
    stamp: RequestStamp,
  ): Promise<OpenedTask | OAuthFailure | NoBundle> {
    const task = movedTaskId(this.#env, root, request.user)
    const opened = await askByNewest<OpenedTask | OAuthFailure>(
      this.#env,
      task,
      pointer,
      async (ledger, newest) => ledger.open(LEDGER_VERSION, newest, task, request, stamp, null),
      locationOf(bundle, consent.audience),
    )
    if (!opened || "bundle" in opened || "refused" in opened) return opened ?? { bundle: "unavailable" }
    const state = this.#trees.of(root)
    const isPending = state?.tasks.get(root)?.status === "pending"
    if (state && isPending) this.#consents.markRedeemed(state, consent)
    // It was ended while it was redeemed, and that was acknowledged. Nobody has the new task's token.
    else this.#background(this.#endUnused(task, request.user))
    return isPending ? opened : oauthError({ reason: "consent_unknown" })
  }

  /** If it fails, the task expires by itself. */
  async #endUnused(task: string, user: UserFacts): Promise<void> {
    const at = Date.now()
    const denial = { reason: "consent_unknown" } as const
    const record = { id: newId("dec", at), at, kind: "end", code: "invalid_grant", denial, task } as const
    const end = { task, status: "revoked", by: "operator" } as const
    await askLedger(this.#env, task, async (ledger) => ({
      ended: await ledger.end(end, null, recordOf({ ...record, user: userId(user) })),
    }))
  }

  /** Where a task is now, and under which id, if this is an id in the tree of a request that was granted. */
  moved(id: string): Moved | null {
    const state: TreeState | null = this.#trees.of(id)
    const person = state && hasMoved(state) ? state.consent?.answer?.person : undefined
    if (!person) return null
    return { task: movedTaskId(this.#env, id, person), ledger: ledgerOf(this.#env, person) }
  }
}
