/** All lints. A new one is a file, a row here, and a section of docs/guides/linting.md. */
import type { Problem } from "../source/problem.ts"
import { beginsAnew } from "./begins-anew.ts"
import { beyondCeiling } from "./beyond-ceiling.ts"
import { coveredRule } from "./covered-rule.ts"
import { deadRule } from "./dead-rule.ts"
import { defeatedPermit } from "./defeated-permit.ts"
import { duplicateRule } from "./duplicate-rule.ts"
import { emptyDelegation } from "./empty-delegation.ts"
import { idleConsequence } from "./idle-consequence.ts"
import { idleDepth } from "./idle-depth.ts"
import { idleWindow } from "./idle-window.ts"
import { impossibleStep } from "./impossible-step.ts"
import { lingeringCall } from "./lingering-call.ts"
import type { Lint, Subject } from "./lint.ts"
import { neverHolds } from "./never-holds.ts"
import { observingGateway } from "./observing-gateway.ts"
import { observingStream } from "./observing-stream.ts"
import { outOfCalls } from "./out-of-calls.ts"
import { outOfReach } from "./out-of-reach.ts"
import { pairwiseSubject } from "./pairwise-subject.ts"
import { recordedArgument } from "./recorded-argument.ts"
import { sharedConsequence } from "./shared-consequence.ts"
import { sharedSecret } from "./shared-secret.ts"
import { shortSession } from "./short-session.ts"
import { spelledBound } from "./spelled-bound.ts"
import { tooSensitive } from "./too-sensitive.ts"
import { twoHistories } from "./two-histories.ts"
import { unaskedApproval } from "./unasked-approval.ts"
import { unboundedPermit } from "./unbounded-permit.ts"
import { ungrantedEvent } from "./ungranted-event.ts"
import { unknownAnnotation } from "./unknown-annotation.ts"
import { unpermittedAgent } from "./unpermitted-agent.ts"
import { unpermittedTool } from "./unpermitted-tool.ts"
import { untoldApproval } from "./untold-approval.ts"
import { unseenArgument } from "./unseen-argument.ts"
import { unusedAuthority } from "./unused-authority.ts"
import { unusedPurpose } from "./unused-purpose.ts"
import { userlessKey } from "./userless-key.ts"

const LINTS: readonly Lint[] = [
  deadRule,
  neverHolds,
  duplicateRule,
  coveredRule,
  defeatedPermit,
  unboundedPermit,
  unknownAnnotation,
  unpermittedTool,
  recordedArgument,
  unpermittedAgent,
  unusedPurpose,
  unaskedApproval,
  untoldApproval,
  tooSensitive,
  beyondCeiling,
  outOfReach,
  impossibleStep,
  outOfCalls,
  idleDepth,
  emptyDelegation,
  unusedAuthority,
  twoHistories,
  pairwiseSubject,
  idleWindow,
  userlessKey,
  beginsAnew,
  ungrantedEvent,
  lingeringCall,
  idleConsequence,
  sharedConsequence,
  sharedSecret,
  shortSession,
  spelledBound,
  observingGateway,
  observingStream,
  unseenArgument,
]

/** Warnings while policies are read and rules are lowered, whether or not they become a bundle. */
const OF_CHECKS = ["cedar", "unknown-entity", "unlinked-template", "idle-operators"] as const

/** Lints that report only if decision records were read. */
export const RECORDED: readonly string[] = [unusedAuthority.name]

export const LINT_NAMES: readonly string[] = [...OF_CHECKS, ...LINTS.map(({ name }) => name)]

export function lint(subject: Subject): readonly Problem[] {
  return LINTS.flatMap(({ name, find }) => find(subject).map((problem) => named(problem, name)))
}

function named(problem: Problem, lint: string): Problem {
  return { ...problem, lint }
}
