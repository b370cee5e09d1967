/**
 * The ledger: the Durable Object of task trees, a thin shell around pure steps. Each step is one synchronous transaction,
 * storage first, then memory. An answer leaves only when what it depends on is durable (the object's output gate).
 */
import type { Approval, Unanswerable, Vote } from "../core/task/approval.ts"
import type { ApproverIdentity, NotApprover } from "../core/task/approvers.ts"
import type { LedgerCall } from "../core/record/visible-call.ts"
import type { BearerToken } from "../audit/edge-recorder.ts"
import type { RequestStamp } from "../core/record/token-record.ts"
import type { LedgerListQuery } from "../core/record/listing-record.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import type { Denial, Denied } from "../core/denials/denial.ts"
import type { Redemption } from "../core/task/consent.ts"
import type { OAuthFailure } from "../core/denials/oauth-error.ts"
import { LENDING_VERSION } from "../core/guardrails/lending/lending.ts"
import type { Signal } from "../core/guardrails/risk.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { cachedBundle } from "../bundles/store.ts"
import type { Holder, DeniedCall, TokenUse } from "../core/decision/call.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import { authorityOf, type Authority } from "../core/task/authority.ts"
import type { TaskEnd } from "../core/task/change.ts"
import type { OpenedTask } from "../core/task/opened-task.ts"
import type { ConsentResponse as ConsentAnswer, Consent } from "../core/task/pending-consent.ts"
import type { TaskStatus } from "../core/task/task.ts"
import { StoredObject } from "../platform/storage/stored-object.ts"
import { LEDGER_VERSION } from "./protocol.ts"
import type { ApprovalForReader, Cleared, ConsentOutcome, EndResult, Erased, MaybeLater } from "./protocol.ts"
import type { NoBundle, PageAnswer, RatingResult, Refresh, ShadowOnly, TokenOwner, Waiting } from "./protocol.ts"
import { DECIDED_WITHIN_MS } from "./ask.ts"
import { AgentLedgers } from "./agent-ledgers.ts"
import { BackchannelConsents } from "./backchannel-consents.ts"
import { Calls } from "./calls.ts"
import { Consents } from "./consents.ts"
import { erasePerson, type ErasedPerson } from "./erasure.ts"
import { unpacked, type PackedCall } from "./packed-call.ts"
import { spend } from "./spend.ts"
import { LedgerBundles } from "./ledger-bundles.ts"
import { Partitions } from "./partitions.ts"
import { Tasks, type ToOpen } from "./tasks.ts"
import { Trees } from "./trees.ts"
import type { TaskView, Viewed } from "../core/task/view.ts"

type Issued = OpenedTask | OAuthFailure | NoBundle

export class Ledger extends StoredObject {
  readonly #trees: Trees
  readonly #others: AgentLedgers
  readonly #partitions: Partitions
  readonly #bundles: LedgerBundles
  readonly #calls: Calls
  readonly #consents: Consents
  readonly #backchannel: BackchannelConsents
  readonly #tasks: Tasks

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Ledger", "later")
    env = this.env
    this.#trees = new Trees(ctx, env)
    this.#bundles = new LedgerBundles(this.#trees, env)
    const background = (work: Promise<unknown>): void => ctx.waitUntil(work)
    this.#others = new AgentLedgers(this.#trees, ctx, env)
    this.#partitions = new Partitions(this.#trees, this.#others, env)
    this.#calls = new Calls(this.#trees, this.#others, env, background)
    this.#consents = new Consents(this.#trees)
    this.#backchannel = new BackchannelConsents(this.#trees, this.#consents, env, background)
    this.#tasks = new Tasks(this.#trees, this.#others, this.#partitions, env, this.#calls.shadow, background)
  }

  /**
   * Decides at once if the bundle is loaded, which it nearly always is.
   * @param until milliseconds by the gateway's clock, when its request is no longer of use
   * @returns JSON: an object would cross with a disposer of its own, which costs several percent of a call
   */
  decide(version: number, pointer: Pointer, call: PackedCall, until: number): string | Promise<string> {
    const ask = unpacked(call)
    // Behind a slow clock it would come too late; behind a fast one too early, and then nothing is admitted.
    const latest = Math.min(until, Date.now() + DECIDED_WITHIN_MS)
    const bundle = version === LEDGER_VERSION ? cachedBundle(pointer) : null
    const answer = bundle
      ? this.#calls.decide(bundle, pointer, ask, latest)
      : this.#bundles.by(version, pointer, (found) => this.#calls.decide(found, pointer, ask, latest))
    return answer instanceof Promise ? answer.then((later) => JSON.stringify(later)) : JSON.stringify(answer)
  }

  /** A call that was denied before it reached the ledger: JSON of `ShadowOnly`. */
  shadowDenied(version: number, ask: LedgerCall, denial: Denial): string {
    const tried = version === LEDGER_VERSION ? this.#calls.shadowDenied(ask, denial) : null
    return JSON.stringify({ tried, owner: spend(this.#trees, ask) } satisfies ShadowOnly)
  }

  /** Its proof is used up. */
  spend(use: TokenUse): TokenOwner | Denied {
    return spend(this.#trees, use)
  }

  liveUntil(tokens: readonly BearerToken[]): readonly number[] {
    return tokens.map((each) => this.#tasks.liveUntil(each))
  }

  /** It counts among the denials of its task. */
  async refused(version: number, pointer: Pointer, call: DeniedCall, denial: Denial): Promise<TokenOwner | Denied> {
    const bundle = await this.#bundles.of(version, pointer)
    return bundle ? this.#calls.refused(bundle, pointer, call, denial) : spend(this.#trees, call)
  }

  /** @returns JSON, as of `decide` */
  async visibleTools(version: number, pointer: Pointer, ask: LedgerListQuery): Promise<string> {
    const list = await this.#bundles.by(version, pointer, (bundle) => this.#calls.visibleTools(bundle, pointer, ask))
    return JSON.stringify(list)
  }

  /**
   * A call has ended, as the gateway that allowed it reports.
   * @returns whether the call was known to be in flight
   */
  settle(decision: string, gateway: string, task: string): boolean {
    return this.#calls.settle(decision, gateway, task)
  }

  approvalsOf(task: string): MaybeLater<readonly Approval[] | null> {
    const moved = this.#backchannel.moved(task)
    return moved ? moved.ledger.approvalsOf(moved.task) : this.#calls.approvals.of(task)
  }

  /** Of these approvals, those that this person may answer, and those that are over. Null if it is unknown who may. */
  async approvalsFor(
    version: number,
    pointer: Pointer,
    root: string,
    ids: readonly string[],
    answering: ApproverIdentity,
  ): Promise<Waiting | null> {
    const bundle = await this.#bundles.newest(version, pointer)
    return bundle && this.#calls.approvals.waitingFor(bundle, root, ids, answering)
  }

  /** @param answering who would answer, whether or not they see all that is pending */
  async approval(
    version: number,
    pointer: Pointer,
    ids: { readonly task: string; readonly id: string },
    seesAll: boolean,
    answering: ApproverIdentity,
  ): Promise<ApprovalForReader | "unavailable" | null> {
    const moved = this.#backchannel.moved(ids.task)
    if (moved) return moved.ledger.approval(version, pointer, { ...ids, task: moved.task }, seesAll, answering)
    const bundle = await this.#bundles.newest(version, pointer)
    return bundle ? this.#calls.approvals.shown(bundle, ids, seesAll, answering) : "unavailable"
  }

  ownApproval(...asked: Parameters<Calls["approvals"]["own"]>): ReturnType<Calls["approvals"]["own"]> {
    return this.#calls.approvals.own(...asked)
  }

  /** A person's answer to the approval of a single call; or why it does not count. */
  async answerApproval(
    version: number,
    pointer: Pointer,
    ids: { readonly task: string; readonly id: string },
    vote: Omit<Vote, "by" | "at">,
    answering: ApproverIdentity,
    record: DecisionRecord,
  ): Promise<Approval | Unanswerable | NotApprover | "frozen" | "unavailable"> {
    const moved = this.#backchannel.moved(ids.task)
    if (moved) {
      const { ledger, task } = moved
      return ledger.answerApproval(version, pointer, { ...ids, task }, vote, answering, { ...record, task })
    }
    const bundle = await this.#bundles.newest(version, pointer)
    return bundle ? this.#calls.approvals.answer(bundle, ids, vote, answering, record) : "unavailable"
  }

  /** What became of credit (`CreditHolder`). */
  async creditUsed(version: number, ids: string[]): Promise<Record<string, number | null>> {
    // A request of another version is not understood: no credit of it counts as returned.
    if (version !== LENDING_VERSION) return Object.fromEntries(ids.map((id) => [id, null]))
    return this.#trees.credits.usedOf(ids)
  }

  async countedAlone(...asked: Parameters<Partitions["countedAlone"]>): ReturnType<Partitions["countedAlone"]> {
    return this.#partitions.countedAlone(...asked)
  }

  async open(version: number, pointer: Pointer, ...asked: ToOpen): Promise<Issued> {
    return this.#bundles.by(version, pointer, (bundle) => this.#tasks.open(bundle, pointer, ...asked))
  }

  /** The agent whose ledger this is has come across labels in the tree of another agent. */
  async learn(...asked: Parameters<AgentLedgers["learn"]>): Promise<boolean> {
    return this.#others.learn(...asked)
  }

  async join(...asked: Parameters<Partitions["join"]>): ReturnType<Partitions["join"]> {
    return this.#partitions.join(...asked)
  }

  part(...asked: Parameters<Partitions["part"]>): ReturnType<Partitions["part"]> {
    return this.#partitions.part(...asked)
  }

  answered(root: string, secretHash: string): PageAnswer {
    return this.#consents.answered(root, secretHash)
  }

  /** A task that waits for a person's consent, or for the client to which they have given it. */
  async ask(
    version: number,
    pointer: Pointer,
    root: string,
    consent: Consent,
    stamp: RequestStamp,
  ): Promise<ConsentOutcome | OAuthFailure | NoBundle> {
    return this.#bundles.by(version, pointer, (bundle) =>
      (consent.answer ? this.#consents : this.#backchannel).ask(bundle, pointer, root, consent, stamp),
    )
  }

  consentFor(root: string, person: UserFacts): { readonly consent: Consent; readonly task: TaskView } | null {
    return this.#consents.consentFor(root, person)
  }

  answer(root: string, answer: ConsentAnswer, record: DecisionRecord): boolean {
    return this.#consents.answer(root, answer, record)
  }

  async redeem(version: number, pointer: Pointer, ...asked: [string, Redemption, RequestStamp]): Promise<Issued> {
    const [root, redemption, stamp] = asked
    return this.#bundles.by(version, pointer, (bundle) => {
      const found = this.#consents.redeemable(bundle, pointer, root, redemption)
      if (!("request" in found)) return found
      if (!found.consent.code) return this.#backchannel.redeem(found, bundle, pointer, stamp)
      return this.#consents.redeem(bundle, pointer, found, redemption, stamp)
    })
  }

  async refresh(version: number, pointer: Pointer, ...asked: [string, Refresh, RequestStamp]): Promise<Issued> {
    return this.#bundles.by(version, pointer, (bundle) => this.#consents.refresh(bundle, pointer, ...asked))
  }

  revokeRefreshTokens(root: string, family: string, agent: string, record: DecisionRecord): boolean {
    return this.#consents.revokeRefreshTokens(root, family, agent, record)
  }

  end(end: TaskEnd, by: Holder | null, record: DecisionRecord): MaybeLater<EndResult> {
    const moved = this.#backchannel.moved(end.task)
    if (!moved) return this.#tasks.end(end, by, record)
    const { ledger, task } = moved
    return ledger.end({ ...end, task }, by, { ...record, task })
  }

  release(id: string, record: DecisionRecord): MaybeLater<TaskStatus | null> {
    const moved = this.#backchannel.moved(id)
    if (!moved) return this.#tasks.release(id, record)
    const { ledger, task } = moved
    return ledger.release(task, { ...record, task })
  }

  clearLabels(id: string, only: readonly string[] | null, record: DecisionRecord): MaybeLater<Cleared> {
    const moved = this.#backchannel.moved(id)
    if (!moved) return this.#tasks.clearLabels(id, only, record)
    const { ledger, task } = moved
    return ledger.clearLabels(task, only, { ...record, task })
  }

  /** Records a risk signal about a task. After the answer it counts for each call of it and of those below it. */
  rate(id: string, signal: Omit<Signal, "at"> | null, record: DecisionRecord): MaybeLater<RatingResult> {
    const moved = this.#backchannel.moved(id)
    if (!moved) return this.#tasks.rate(id, signal, record)
    const { ledger, task } = moved
    return ledger.rate(task, signal, { ...record, task })
  }

  /** After the answer no call is admitted that would be for the person by an authority that they had before. */
  erase(person: ErasedPerson, record: DecisionRecord): Erased {
    return erasePerson(this.#trees, person, record)
  }

  authorityOf(task: string, agent: string): Authority | null {
    return authorityOf(this.#trees.of(task), task, agent)
  }

  isActive(jti: string, task: string, agent: string): boolean {
    return this.#tasks.isActive(jti, task, agent)
  }

  revokeToken(jti: string, task: string, agent: string | null, record: DecisionRecord): boolean {
    return this.#tasks.revokeToken(jti, task, agent, record)
  }

  async view(version: number, pointer: Pointer, task: string, by: Holder | null): Promise<Viewed | Denied | null> {
    const moved = this.#backchannel.moved(task)
    if (moved) return moved.ledger.view(version, pointer, moved.task, by)
    return this.#tasks.view(await this.#bundles.newest(version, pointer), task, by)
  }

  protected override async onAlarm(): Promise<void> {
    await this.#trees.onAlarm()
  }
}
