/**
 * The ledger: the Durable Object of one task tree, a thin shell around the pure steps `decide`, `openTask` and the
 * others; tree.ts looks after the tree. Each step is one synchronous transaction: storage first, then memory, and no
 * await between reading the state and changing it. An answer leaves only when what it depends on is durable (the
 * object's output gate).
 */
import { DurableObject } from "cloudflare:workers"
import type { Approval, Unanswerable, Vote } from "../core/task/approval.ts"
import type { Answering, NotAsked } from "../core/task/approvers.ts"
import type { Ask } from "../core/record/visible-call.ts"
import type { BearerToken } from "../audit/edge-recorder.ts"
import type { Asking } from "../core/record/token-record.ts"
import type { ListAsk } from "../core/record/listing-record.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import type { Denial, Denied } from "../core/denials/denial.ts"
import type { Redemption } from "../core/task/consent.ts"
import type { OAuthFailure } from "../core/denials/oauth-error.ts"
import { LENDING_VERSION } from "../core/guardrails/lending/lending.ts"
import type { Signal } from "../core/guardrails/risk.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { bundleHeld, bundleOf } from "../bundles/store.ts"
import type { Holder, RefusedCall, TokenUse } from "../core/decision/call.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import type { TaskEnd } from "../core/task/change.ts"
import type { OpenRequest } from "../core/task/open-request.ts"
import type { OpenedTask } from "../core/task/opened-task.ts"
import type { ConsentResponse as ConsentAnswer, Consent } from "../core/task/pending-consent.ts"
import type { TaskStatus } from "../core/task/task.ts"
import { LEDGER_VERSION } from "./protocol.ts"
import type {
  Answered,
  AskOutcome,
  Ended,
  EndedBefore,
  Frozen,
  Listed,
  NoBundle,
  Refresh,
  ShownApproval,
  TokenOwner,
  ShadowOnly,
  Waiting,
} from "./protocol.ts"
import { DECIDED_WITHIN_MS } from "./ask.ts"
import { Calls } from "./calls.ts"
import { Consents } from "./consents.ts"
import { Tasks } from "./tasks.ts"
import { Tree } from "./tree.ts"
import type { TaskView, Viewed } from "../core/task/view.ts"

export class Ledger extends DurableObject<Env> {
  readonly #tree: Tree
  readonly #calls: Calls
  readonly #consents: Consents
  readonly #tasks: Tasks

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#tree = new Tree(ctx, env)
    const background = (work: Promise<unknown>): void => ctx.waitUntil(work)
    this.#calls = new Calls(this.#tree, env, background)
    this.#consents = new Consents(this.#tree, env)
    this.#tasks = new Tasks(this.#tree, env, this.#calls.shadow, background)
  }

  /**
   * Decides at once if the bundle is loaded, which it nearly always is.
   * @param until milliseconds by the gateway's clock, when its request is no longer of use
   * @returns JSON: an object would cross with a disposer of its own, which costs several percent of a call
   */
  decide(version: number, pointer: Pointer, ask: Ask, until: number): string | Promise<string> {
    // Behind a slow clock it would come too late; behind a fast one too early, and then nothing is admitted.
    const latest = Math.min(until, Date.now() + DECIDED_WITHIN_MS)
    const bundle = version === LEDGER_VERSION ? bundleHeld(pointer) : null
    const answer = bundle
      ? this.#calls.decide(bundle, pointer, ask, latest)
      : this.#by(version, pointer, (found) => this.#calls.decide(found, pointer, ask, latest))
    return answer instanceof Promise ? answer.then((later) => JSON.stringify(later)) : JSON.stringify(answer)
  }

  async #bundle(version: number, pointer: Pointer): Promise<Bundle | null> {
    return version === LEDGER_VERSION ? bundleOf(this.env.BUNDLES, pointer) : null
  }

  /**
   * A step by the bundle that the request names. There is none if the bundle cannot be loaded, or if the request is of
   * another version.
   */
  async #by<Answered>(
    version: number,
    pointer: Pointer,
    step: (bundle: Bundle) => Answered | Promise<Answered>,
  ): Promise<Answered | NoBundle> {
    const bundle = await this.#bundle(version, pointer)
    return bundle ? step(bundle) : { bundle: "unavailable" }
  }

  /**
   * A call that was denied before it reached the ledger.
   * @returns JSON of `ShadowOnly`
   */
  shadowDenied(version: number, ask: Ask, denial: Denial): string {
    const shadowResult = version === LEDGER_VERSION ? this.#calls.shadowDenied(ask, denial) : null
    return JSON.stringify({ tried: shadowResult, owner: this.#calls.spend(ask) } satisfies ShadowOnly)
  }

  /** Its proof is used up. */
  spend(use: TokenUse): TokenOwner | Denied {
    return this.#calls.spend(use)
  }

  /**
   * Which of these bearer tokens are live.
   * @returns their `jti`
   */
  liveTokens(tokens: readonly BearerToken[]): readonly string[] {
    return tokens.filter((each) => this.#tasks.isLive(each)).map(({ jti }) => jti)
  }

  /** It counts among the denials of its task. */
  async refused(version: number, pointer: Pointer, call: RefusedCall, denial: Denial): Promise<TokenOwner | Denied> {
    const bundle = await this.#bundle(version, pointer)
    return bundle ? this.#calls.refused(bundle, pointer, call, denial) : this.#calls.spend(call)
  }

  /** @returns JSON, as of `decide` */
  async visibleTools(version: number, pointer: Pointer, ask: ListAsk): Promise<string> {
    const answer: Listed | NoBundle = await this.#by(version, pointer, (bundle) =>
      this.#calls.visibleTools(bundle, pointer, ask),
    )
    return JSON.stringify(answer)
  }

  /**
   * A call has ended, as the gateway that allowed it reports.
   * @returns whether the call was known to be in flight
   */
  settle(decision: string, gateway: string): boolean {
    return this.#calls.settle(decision, gateway)
  }

  approvalsOf(task: string): readonly Approval[] | null {
    return this.#calls.approvals.of(task)
  }

  /**
   * Of these approvals, those that this person may answer, and those that are over. Null if it is unknown who may
   * answer.
   */
  async approvalsFor(
    version: number,
    pointer: Pointer,
    ids: readonly string[],
    answering: Answering,
  ): Promise<Waiting | null> {
    const bundle = await this.#newest(version, pointer)
    return bundle && this.#calls.approvals.waitingFor(bundle, ids, answering)
  }

  /** @param answering who would answer, whether or not they see all that is pending */
  async approval(
    version: number,
    pointer: Pointer,
    asked: { readonly task: string; readonly id: string },
    seesAll: boolean,
    answering: Answering,
  ): Promise<ShownApproval | "unavailable" | null> {
    const bundle = await this.#newest(version, pointer)
    return bundle ? this.#calls.approvals.shown(bundle, asked, seesAll, answering) : "unavailable"
  }

  /** A person's answer to the approval of a single call; or why it does not count. */
  async answerApproval(
    version: number,
    pointer: Pointer,
    asked: { readonly task: string; readonly id: string },
    vote: Omit<Vote, "by" | "at">,
    answering: Answering,
    record: DecisionRecord,
  ): Promise<Approval | Unanswerable | NotAsked | "frozen" | "unavailable"> {
    const bundle = await this.#newest(version, pointer)
    return bundle ? this.#calls.approvals.answer(bundle, asked, vote, answering, record) : "unavailable"
  }

  /** A bundle that is older than one that decided here does not say who may answer. */
  async #newest(version: number, pointer: Pointer): Promise<Bundle | null> {
    const current = this.#tree.state?.bundle
    return this.#bundle(version, current && current.seq > pointer.seq ? current : pointer)
  }

  /** What became of credit (`CreditHolder`). */
  async creditUsed(version: number, ids: string[]): Promise<Record<string, number | null>> {
    // A request of another version is not understood: no credit of it counts as returned.
    if (version !== LENDING_VERSION) return Object.fromEntries(ids.map((id) => [id, null]))
    return this.#tree.credits.usedOf(ids)
  }

  /** @param root the id of this tree, which names this object */
  async open(
    version: number,
    pointer: Pointer,
    root: string,
    request: OpenRequest,
    asking: Asking,
    shadowResult: Pointer | null,
  ): Promise<OpenedTask | OAuthFailure | NoBundle> {
    return this.#by(version, pointer, (bundle) =>
      this.#tasks.open(bundle, pointer, root, request, asking, shadowResult),
    )
  }

  answered(secretHash: string): Answered {
    return this.#consents.answered(secretHash)
  }

  /** A task that waits for a person's consent, or for the client to which they have given it. */
  async ask(
    version: number,
    pointer: Pointer,
    root: string,
    consent: Consent,
    asking: Asking,
  ): Promise<AskOutcome | OAuthFailure | NoBundle> {
    return this.#by(version, pointer, (bundle) => this.#consents.ask(bundle, pointer, root, consent, asking))
  }

  consentFor(person: UserFacts): { readonly consent: Consent; readonly task: TaskView } | null {
    return this.#consents.askedOf(person)
  }

  answer(answer: ConsentAnswer, record: DecisionRecord): boolean {
    return this.#consents.answer(answer, record)
  }

  async redeem(
    version: number,
    pointer: Pointer,
    redemption: Redemption,
    asking: Asking,
  ): Promise<OpenedTask | OAuthFailure | NoBundle> {
    return this.#by(version, pointer, (bundle) => this.#consents.redeem(bundle, pointer, redemption, asking))
  }

  async refresh(
    version: number,
    pointer: Pointer,
    refresh: Refresh,
    asking: Asking,
  ): Promise<OpenedTask | OAuthFailure | NoBundle> {
    return this.#by(version, pointer, (bundle) => this.#consents.refresh(bundle, pointer, refresh, asking))
  }

  revokeRefreshTokens(family: string, agent: string, record: DecisionRecord): boolean {
    return this.#consents.revokeRefreshTokens(family, agent, record)
  }

  /**
   * Ends a task and its subtree, or quarantines it. After the answer no call of theirs is admitted.
   * @param by whose task it has to be, or null for an operator
   */
  end(end: TaskEnd, by: Holder | null, record: DecisionRecord): Ended | EndedBefore | Frozen | Denied | null {
    return this.#tasks.end(end, by, record)
  }

  /** Releases a quarantined task. */
  release(task: string, record: DecisionRecord): TaskStatus | null {
    return this.#tasks.release(task, record)
  }

  /**
   * Records a risk signal about a task. After the answer it counts for every call of the task and of those below it.
   */
  rate(task: string, signal: Omit<Signal, "at"> | null, record: DecisionRecord): boolean {
    return this.#tasks.rate(task, signal, record)
  }

  isActive(jti: string, task: string, agent: string): boolean {
    return this.#tasks.isActive(jti, task, agent)
  }

  /** Ends a token, not its task. After the answer the token opens nothing. */
  revokeToken(jti: string, task: string, agent: string | null, record: DecisionRecord): boolean {
    return this.#tasks.revokeToken(jti, task, agent, record)
  }

  /**
   * The task and those below it, with their gauges if a bundle is loaded.
   * @param by as of `end`
   */
  async view(version: number, pointer: Pointer, task: string, by: Holder | null): Promise<Viewed | Denied | null> {
    if (!this.#tree.state?.tasks.has(task)) return null
    return this.#tasks.view(await this.#newest(version, pointer), task, by)
  }

  override async alarm(): Promise<void> {
    await this.#tree.onAlarm()
  }
}
