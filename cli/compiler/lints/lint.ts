/**
 * A lint reports what is most likely a slip in policies that would become a bundle; as an error, what denies every call
 * of a tool that they permit. Each lint is a file here and a row of table.ts.
 */
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { KnownFacts } from "../reasoning/known.ts"
import type { Questions } from "../reasoning/questions.ts"
import type { Reasoned } from "../reasoning/rules.ts"
import type { Use } from "./use.ts"

export interface Lint {
  /** Its name in messages, comments and docs/guides/linting.md. */
  readonly name: string
  readonly find: (subject: Subject) => readonly Problem[]
}

/** Policies without an error, and facts about them. */
export interface Subject {
  readonly policies: Policies
  readonly body: BundleBody
  readonly bundle: Bundle
  readonly questions: Questions
  readonly known: KnownFacts
  readonly rules: Reasoned
  /** What decision records show; null if they were not requested. */
  readonly use: Use | null
}
