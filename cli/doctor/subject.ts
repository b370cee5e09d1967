/** What is examined: this machine, a policy directory and a Worker. What several checks need is asked once. */
import { stat } from "node:fs/promises"
import { LOOPBACK_ACCESS, type LoopbackAccess } from "../../src/core/policy/destinations.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { isObject } from "../../src/core/encoding/json.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { withTables } from "../decision-tables/read.ts"
import { passes, runCases } from "../decision-tables/suite.ts"
import { fitToStack, WRITTEN_PROVIDER, WRITTEN_WORKER } from "../remote/local-stack-policies.ts"
import { isLoopback } from "../remote/worker.ts"
import { Failure } from "../terminal/failure.ts"
import { ask, type Answer } from "./ask.ts"
import { skipped, type Finding } from "./finding.ts"

export interface Given {
  readonly directory: string
  /** A person has named it, so it has to be there. */
  readonly isDirectoryNamed: boolean
  /** Origin of the Worker. */
  readonly url: string
  readonly isUrlNamed: boolean
  /** Origin of the local stack's identity provider. */
  readonly idp: string
  /** The file of the publisher's key. */
  readonly key?: string
  /** The gateway whose key is given, and the key. */
  readonly gateway?: { readonly id: string; readonly key: string }
  /** A token to be read. */
  readonly token?: string
}

type Compiled = ReturnType<typeof withTables>

export interface Subject extends Given {
  /** The Worker is a local stack on this machine, or none answers there yet. */
  readonly isLocal: boolean
  /** What the Worker requests of its own machine, as `/healthz` says; where that says nothing, as its address suggests. */
  readonly loopback: LoopbackAccess
  /** Null: there is no such directory. */
  readonly compiled: Compiled | null
  /** Null if the directory does not check. */
  readonly tests: { readonly count: number; readonly failing: number } | null
  /** The policies as the Worker has them: with the origins and keys of the local stack if it is one. */
  readonly body: BundleBody | null
  /** Ends every request. */
  readonly signal: AbortSignal
  readonly get: (url: string | URL) => Promise<Answer | Failure>
  /** The finding of a check that needs the Worker, if no Worker answers or nobody has claimed it; otherwise null. */
  readonly withoutWorker: () => Promise<Finding | null>
}

/** All requests together take this long, as the checks run at once. Milliseconds. */
export const WITHIN_MS = 3_000

export async function subjectOf(given: Given): Promise<Subject> {
  const { directory, url, idp } = given
  const isThere = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const compiled = isThere ? withTables(await compilePolicies(directory)) : null
  const origins = new Map([
    [WRITTEN_WORKER, new URL(url).origin],
    [WRITTEN_PROVIDER, new URL(idp).origin],
  ])
  const written = compiled?.body ?? null
  const tests = compiled && testsOf(compiled)
  // What takes the processor is done by now: no answer waits for it.
  const signal = AbortSignal.timeout(WITHIN_MS)
  const asked = new Map<string, Promise<Answer | Failure>>()
  const get = async (from: string | URL): Promise<Answer | Failure> => {
    const target = URL.parse(String(from))
    if (!target) return new Failure(`${String(from)} is no URL`, "Correct it where it is written.")
    const before = asked.get(target.href)
    if (before) return before
    const answer = ask(target, { headers: { accept: "application/json" } }, signal)
    asked.set(target.href, answer)
    return answer
  }
  const loopback = accessIn(await get(new URL("/healthz", url))) ?? (isLoopback(url) ? "everything" : "nothing")
  const isLocal = isLoopback(url) && loopback === "everything"
  return {
    ...given,
    isLocal,
    loopback,
    compiled,
    tests,
    body: written && isLocal ? fitToStack(written, origins) : written,
    signal,
    get,
    async withoutWorker() {
      if (!isAlive(await get(new URL("/healthz", url)))) return skipped(`no Worker answers at ${url}`)
      return isUnclaimed(await get(new URL("/readyz", url))) ? skipped("nobody has claimed the Worker yet") : null
    },
  }
}

function accessIn(answer: Answer | Failure): LoopbackAccess | null {
  const said = !(answer instanceof Failure) && isObject(answer.json) ? answer.json["loopback"] : undefined
  return LOOPBACK_ACCESS.find((access) => access === said) ?? null
}

function testsOf({ bundle, cases }: Compiled): Subject["tests"] {
  if (!bundle) return null
  const { outcomes } = runCases(bundle, cases, null)
  return { count: cases.length, failing: outcomes.filter((outcome) => !passes(outcome)).length }
}

export function isAlive(answer: Answer | Failure): boolean {
  return !(answer instanceof Failure) && isObject(answer.json) && answer.json["status"] === "alive"
}

/** The Worker has no owner yet: it answers nothing but that, until the first operator claims it. */
export function isUnclaimed(answer: Answer | Failure): boolean {
  return !(answer instanceof Failure) && isObject(answer.json) && answer.json["error"] === "unclaimed"
}

/** What a check says that needs policies, and there are none, or they do not check. */
export function withoutPolicies({ compiled, directory }: Pick<Subject, "compiled" | "directory">): Finding {
  return skipped(compiled ? `${directory} does not check` : `there is no directory ${directory}`)
}
