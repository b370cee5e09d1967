/**
 * Decides recorded calls again, one after the other, by a bundle that may be published: on the state that the earlier
 * ones leave behind under it, by the very steps of the ledger. A call whose state cannot be rebuilt is decided alone, by
 * what its own record shows (src/core/explanation/rejudge.ts), and nothing that no record shows is guessed.
 */
import { allRoutes } from "../../src/core/catalog/route.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { Call, Verdict } from "../../src/core/decision/call.ts"
import { timeOf } from "../../src/core/encoding/ids.ts"
import { UNKNOWN_CLIENT } from "../../src/core/decision/client.ts"
import { decide } from "../../src/core/decision/decide.ts"
import { codeOf, decidedAnew } from "../../src/core/denials/denial.ts"
import { GRANT_DENIALS } from "../../src/core/denials/call/grant.ts"
import { rejudge, type Rejudged, type Rejudgement, type RejudgedVerdict } from "../../src/core/explanation/rejudge.ts"
import { situationOf, type RecordedSituation } from "../../src/core/explanation/recorded-situation.ts"
import { approveStep, callStep } from "../../src/core/explanation/simulated-tree.ts"
import { HALF_LIFE, NO_RISKS } from "../../src/core/guardrails/risk.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { rootOf, type TreeState } from "../../src/core/task/state.ts"
import { hasGroups } from "../records/has-groups.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import { Completeness } from "./completeness.ts"
import { GrantedAlone, refusalVerdict } from "./granted-alone.ts"
import { figuresOf, RebuiltGuardrails, type Figures } from "./rebuilt-guardrails.ts"
import { PathArguments } from "./path-arguments.ts"
import { KEY, ReplayedTrees } from "./replayed-trees.ts"

export interface Replayed extends Rejudged {
  /** `sequence`: on the rebuilt state. `alone`: by its own record. */
  readonly how: "sequence" | "alone"
  /** The principal to whom no rule permits the tool, so that no task could have it. Absent: none is known. */
  readonly unpermitted?: string
}

/** After so many records, trees that have ended are forgotten. */
const SWEEP_EVERY = 4_096
/** Milliseconds that a proof of possession is fresh. */
const PROOF_LIFE = 60_000

export class Replay {
  readonly #bundle: Bundle
  readonly #bundles: ReadonlyMap<string, Bundle>
  readonly #completeness = new Completeness()
  readonly #trees: ReplayedTrees
  readonly #alone: GrantedAlone
  readonly #paths: PathArguments
  /** By root: of the user, as the last call had them that its ledger decided. */
  readonly #groups = new Map<string, readonly string[]>()
  #guardrails: RebuiltGuardrails | null = null
  #seen = 0

  /** @param bundles by digest: those by which the records were made supply what the records leave out */
  constructor(bundle: Bundle, bundles: ReadonlyMap<string, Bundle>) {
    this.#bundle = bundle
    this.#bundles = bundles
    this.#trees = new ReplayedTrees(bundle)
    this.#alone = new GrantedAlone(bundle)
    this.#paths = new PathArguments(allRoutes(bundle.catalog.routes).map(({ definition }) => definition))
  }

  get incompleteTrees(): number {
    return this.#completeness.incompleteTrees
  }

  /**
   * @param stored the next one in order
   * @returns null if it is no call
   */
  next(stored: ShownRecord): Replayed | null {
    const record = this.#paths.shownIn(stored)
    this.#guardrails ??= new RebuiltGuardrails(this.#bundle, this.#completeness, record.at)
    if (++this.#seen % SWEEP_EVERY === 0) this.#trees.forgetEnded(record.at)
    this.#completeness.note(record)
    const { kind, task, decision, at, scope, operator, code } = record
    if (kind === "call") return this.#call(record, this.#guardrails)
    if (task === null || decision !== "allow") return null
    if (kind === "exchange") this.#trees.noteOpening(record)
    if (kind === "approval" && scope !== null && operator !== null && code === "ok") this.#trees.noteConsent(task)
    if (kind === "end" && isEndOfTask(record)) this.#trees.end(task, at)
    return null
  }

  #call(shown: ShownRecord, guardrails: RebuiltGuardrails): Replayed {
    const { denial, task } = shown
    if (denial && decidedAnew(denial) === null && !isOfGrants(denial)) return APART
    const groups = this.#groupsOf(shown)
    const record = groups ? { ...shown, groups: [...groups] } : shown
    const recordedBy = this.#bundles.get(record.bundle?.digest ?? "") ?? null
    const known = situationOf(record, this.#bundle, recordedBy)
    if (!known || task === null) return APART
    if (!groups) {
      // To open the task for a user without groups would deny all of its calls.
      this.#completeness.lose(known.root)
      const lifted = this.#alone.denialOf(record, known)
      if (lifted && "code" in lifted && lifted.principal?.startsWith("User::")) return alone(UNTOLD_GROUPS)
    }
    const replayed = this.#decide(record, { known, task, recordedBy }, guardrails)
    const most = denial && isOfGrants(denial) ? this.#alone.denialOf(record, known) : null
    const unpermitted = most && "code" in most ? most.principal : null
    return unpermitted === null ? replayed : { ...replayed, unpermitted }
  }

  /** Null if neither the record has them nor an earlier one of its tree. */
  #groupsOf(record: ShownRecord): readonly string[] | null {
    const { task, user, groups } = record
    if (task === null || user === null) return groups
    const root = rootOf(task)
    if (!hasGroups(record)) return this.#groups.get(root) ?? null
    this.#groups.set(root, groups)
    return groups
  }

  #decide(record: ShownRecord, { known, task, recordedBy }: KnownCall, guardrails: RebuiltGuardrails): Replayed {
    const tool = this.#bundle.catalog.tools.get(known.tool)
    const opened = this.#completeness.isTree(task) ? this.#trees.open(task, known.user) : null
    if (!tool || !opened) {
      this.#completeness.lose(known.root)
      return this.#decideAlone(record, known, recordedBy)
    }
    if (opened.kind === "refused") {
      // Its task may have requested more than the record shows.
      if (record.denial && isOfGrants(record.denial)) return this.#decideAlone(record, known, recordedBy)
      return inSequence(comparedTo(record, refusalVerdict(opened.refused, tool.name, known.user !== null)))
    }
    const reads = [...guardrails.reads(tool), ...this.#alone.reads(record, known)]
    const situation = situationOf(record, this.#bundle, recordedBy, reads) ?? known
    // What rules read of the task is in the rebuilt state.
    const lacking = situation.notRecorded.filter((what) => !what.startsWith("context.task."))
    const { state, token } = opened
    state.user = known.user
    carryLabels(record, state, guardrails.start)
    const call = callOf(record, situation, token, state)
    approveStep(this.#bundle, state, call, record.approvals, record.at)
    const rebuilt = (): Figures => figuresOf(decide(this.#bundle, state, call, record.at).verdict.evidence)
    const doubtful = guardrails.doubtful(tool, record, recordedBy, rebuilt)
    if (lacking.length === 0 && doubtful.length === 0) {
      const verdict = shownVerdict(callStep(this.#bundle, state, call, record.at))
      return inSequence(this.#judged(record, known, verdict))
    }
    return this.#decidePartly(record, { situation, recordedBy, state, call, tool, lacking }, guardrails)
  }

  /** The rebuilt state suffices only for a denial that nothing of what is missing can lift. */
  #decidePartly(
    record: ShownRecord,
    { situation, recordedBy, state, call, tool, lacking }: PartlyKnown,
    guardrails: RebuiltGuardrails,
  ): Replayed {
    const { denial } = decide(this.#bundle, state, call, record.at).verdict
    const isFirm = denial !== null && (isOfGrants(denial) || decidedAnew(denial) === null)
    const isByArgument = denial?.reason === "argument_out_of_bounds" && lacking.length > 0
    if (isFirm && !isByArgument) {
      const verdict = shownVerdict(callStep(this.#bundle, state, call, record.at))
      return inSequence(this.#judged(record, situation, verdict))
    }
    const alone = this.#decideAlone(record, situation, recordedBy)
    if (happensUnder(record, alone.judged)) {
      if (lacking.length > 0) guardrails.leaveOut(tool)
      callStep(this.#bundle, state, { ...call, mode: "observe" }, record.at)
    }
    return alone
  }

  #decideAlone(record: ShownRecord, situation: RecordedSituation, recordedBy: Bundle | null): Replayed {
    const bounds = this.#alone.reads(record, situation)
    const withBounds = bounds.length === 0 ? situation : situationOf(record, this.#bundle, recordedBy, bounds)
    const granted = this.#alone.denialOf(record, withBounds ?? situation)
    const wasOfGrants = record.denial !== null && isOfGrants(record.denial)
    if (granted && "code" in granted) return alone(wasOfGrants ? { kind: "same" } : comparedTo(record, granted))
    if (wasOfGrants) return alone(UNTOLD_REQUEST)
    const again = rejudgedSafely(record, this.#bundle, recordedBy)
    if (granted && !(again.judged.kind === "flips" && again.judged.to.code !== "ok")) {
      return alone({ kind: "untold", what: granted })
    }
    return { ...again, how: "alone" }
  }

  /** What a task had requested beyond its grant, no record says: the same request may be granted now. */
  #judged(record: ShownRecord, situation: RecordedSituation, verdict: RejudgedVerdict): Rejudgement {
    const isGrants = (reason: string | null): boolean => reason !== null && isOfGrants({ reason })
    if (isGrants(record.denial?.reason ?? null) && isGrants(verdict.reason)) {
      const most = this.#alone.denialOf(record, situation)
      if (!most || !("code" in most))
        return verdict.code === "budget_exhausted" ? comparedTo(record, verdict) : UNTOLD_REQUEST
    }
    return comparedTo(record, verdict)
  }
}

interface KnownCall {
  readonly known: RecordedSituation
  readonly task: string
  readonly recordedBy: Bundle | null
}

interface PartlyKnown {
  readonly situation: RecordedSituation
  readonly recordedBy: Bundle | null
  readonly state: TreeState
  readonly call: Call
  readonly tool: Tool
  readonly lacking: readonly string[]
}

const APART: Replayed = { judged: { kind: "apart" }, guardrailsNotRecorded: [], how: "alone" }
const UNTOLD_GROUPS: Rejudgement = { kind: "untold", what: ["the groups of its user"] }
const UNTOLD_REQUEST: Rejudgement = { kind: "untold", what: ["what its task had requested"] }

const inSequence = (judged: Rejudgement): Replayed => ({ judged, guardrailsNotRecorded: [], how: "sequence" })
const alone = (judged: Rejudgement): Replayed => ({ judged, guardrailsNotRecorded: [], how: "alone" })

const isOfGrants = ({ reason }: { readonly reason: string }): boolean => Object.hasOwn(GRANT_DENIALS, reason)

/** What is not known of a call leaves it as it was. */
function happensUnder(record: ShownRecord, judged: Rejudgement): boolean {
  return record.mode === "observe" || (judged.kind === "flips" ? judged.to.code === "ok" : record.decision === "allow")
}

function comparedTo({ code }: ShownRecord, to: RejudgedVerdict): Rejudgement {
  return to.code === code ? { kind: "same" } : { kind: "flips", to }
}

function shownVerdict({ denial, evidence: { rules, principal } }: Verdict): RejudgedVerdict {
  return { code: denial ? codeOf(denial) : "ok", reason: denial && denial.reason, principal, rules }
}

/** One record of many must not end the comparison, whatever a file contains (half a character, say). */
function rejudgedSafely(record: ShownRecord, bundle: Bundle, recordedBy: Bundle | null): Rejudged {
  try {
    return rejudge(record, bundle, recordedBy)
  } catch {
    return APART
  }
}

/** An operator or an agent has ended a task; not a token, and nothing that the task's own calls have caused. */
function isEndOfTask({ denial, path, arguments: args }: ShownRecord): boolean {
  return denial === null && (/\/(?:complete|abort)$/u.test(path ?? "") || typeof args["task"] === "string")
}

/** Labels that an agent had picked up before the oldest record, in a tree of which nothing is known. */
function carryLabels({ carried }: ShownRecord, state: TreeState, start: number): void {
  for (const { label, decision } of carried) if ((timeOf(decision) ?? 0) < start) state.labels.add(label)
}

function callOf(
  record: ShownRecord,
  { task, tool, arguments: args }: RecordedSituation,
  token: string,
  state: TreeState,
): Call {
  const { id, at, gateway, environment, mode, bound, chain, facts } = record
  const { nonce } = state.ledger.proofs
  const { risk } = facts
  const signal = typeof risk === "number" && risk > 0 ? { level: risk, at, halfLife: HALF_LIFE.default } : null
  return {
    decisionId: id,
    task,
    token,
    proof: bound ? { jkt: KEY, jti: id, iat: Math.floor(at / 1000), freshUntil: at + PROOF_LIFE, nonce } : null,
    tool,
    arguments: args,
    method: "",
    target: "",
    gateway: gateway ?? "",
    environment: environment ?? "",
    client: UNKNOWN_CLIENT,
    mode: mode === "observe" ? "observe" : "enforce",
    retry: null,
    risks: signal ? [{ kind: "agent", name: chain.at(-1) ?? "", signal }] : NO_RISKS,
  }
}
