/**
 * What a person, or the flags, decide about each difference. Without a decision, no tool is added with less than the
 * strictest classes.
 */
import { ACTIONS, SENSITIVITIES, type Sensitivity } from "../../src/core/catalog/tool.ts"
import { escaped } from "../terminal/escape.ts"
import { Failure } from "../terminal/failure.ts"
import { label } from "../compiler/schema/values.ts"
import type { FoundTool } from "./found-tools.ts"
import type { ChangedTool, Class, Decisions, Differences, NarrowingTool } from "./merge.ts"
import { takes, whatChanged } from "./render.ts"

/**
 * Nothing that a source says shows how sensitive a tool is. So a tool has the highest sensitivity until a person says
 * otherwise. Grants below that do not cover it, such as one with `max_sensitivity: confidential` and `server.*`.
 */
const UNTOLD_SENSITIVITY: Sensitivity = "restricted"

export interface Wishes {
  /** Accept the suggestions for every new tool. */
  readonly accept: boolean
  /** Applies to every new tool. */
  readonly sensitivity?: Sensitivity
  /** Accept changed tools as they are now. */
  readonly replace: boolean
  /** Remove tools that the source no longer has. */
  readonly prune: boolean
}

/** Prompts the person; null if they have left. */
export type Ask = (question: string) => Promise<string | null>

export function decideAlone({ added, narrowing, changed, gone }: Differences, wishes: Wishes): Decisions {
  const { replace, prune } = wishes
  return {
    classes: classesUnasked([...added, ...(replace ? narrowing.map(({ tool }) => tool) : [])], wishes),
    accepted: new Set(replace ? changed.map(({ tool }) => tool.name) : []),
    pruned: new Set(prune ? gone : []),
  }
}

function classesUnasked(tools: readonly FoundTool[], wishes: Wishes): Map<string, Class> {
  const classOf = wishes.accept ? suggested : unseen
  return new Map(tools.map((tool) => [tool.name, classOf(tool, wishes)]))
}

/** Prompts for each new and each changed tool. @param print shows a line */
export async function decideTogether(
  differences: Differences,
  wishes: Wishes,
  ask: Ask,
  print: (line: string) => void,
): Promise<Decisions> {
  const alone = decideAlone(differences, wishes)
  const isTaken = async (each: NarrowingTool, change: string, question: string): Promise<boolean> => {
    print(shown(each.tool))
    print(`  ${change}`)
    const answer = await ask(`${question} [y/N] `)
    if (answer === null) throw left()
    return /^y(?:es)?$/iu.test(answer.trim())
  }
  const added = [...differences.added]
  for (const each of differences.narrowing) {
    if (wishes.replace || (await isTaken(each, takes(each), "Add it all the same?"))) added.push(each.tool)
  }
  const suggest = (tool: FoundTool): Class => suggested(tool, wishes)
  const later = (tool: FoundTool): Class => unseen(tool, wishes)
  const classes = wishes.accept
    ? classesUnasked(added, wishes)
    : await askForClasses(added, { suggest, later }, ask, print)
  const accepted = new Set(alone.accepted)
  for (const each of wishes.replace ? [] : differences.changed) {
    const question = each.what === "unpinned" ? "Pin it as it is now?" : "Take it as it is now?"
    if (await isTaken(each, changeOf(each), question)) accepted.add(each.tool.name)
  }
  return { ...alone, classes, accepted }
}

/** What a tool gets if the person takes the suggestion, and if they leave it for a review in the file. */
export interface Proposals {
  readonly suggest: (tool: FoundTool) => Class
  readonly later: (tool: FoundTool) => Class
}

export async function askForClasses(
  added: readonly FoundTool[],
  { suggest, later }: Proposals,
  ask: Ask,
  print: (line: string) => void,
): Promise<Map<string, Class>> {
  const classes = new Map<string, Class>()
  if (added.length === 0) return classes
  print(`${added.length} new. Their classes are only the source's claim, and it does not say how sensitive they are.`)
  print("Enter takes the suggestion. Or write an action (read, write, execute), a sensitivity (public, internal,")
  print(
    "confidential, restricted), labels (`sink:external`; `-` for none), in any order. `all`: the suggestions from here on.",
  )
  print("`later`: leave this one to be looked at in the file. `skip`: leave it out. `quit`: write nothing.\n")
  let isAll = false
  for (const tool of added) {
    const suggestion = suggest(tool)
    const answer: Choice = isAll ? { kind: "all" } : await askFor(tool, suggestion, ask, print)
    isAll = answer.kind === "all"
    if (answer.kind === "class") classes.set(tool.name, answer.class)
    else if (answer.kind === "all") classes.set(tool.name, suggestion)
    else if (answer.kind === "later") classes.set(tool.name, later(tool))
  }
  return classes
}

async function askFor(tool: FoundTool, suggestion: Class, ask: Ask, print: (line: string) => void): Promise<Choice> {
  print(shown(tool))
  while (true) {
    const line = await ask(`  [${wordsOf(suggestion)}] `)
    if (line === null || line.trim() === "quit") throw left()
    const answer = read(line, suggestion)
    if (!("wrong" in answer)) return answer
    print(`  \`${escaped(answer.wrong, 60)}\` is no action, no sensitivity and no label`)
  }
}

type Choice = { readonly kind: "class"; readonly class: Class } | { readonly kind: "all" | "later" | "skip" }

function read(line: string, suggestion: Class): Choice | { readonly wrong: string } {
  const words = line
    .trim()
    .split(/\s+/u)
    .filter((word) => word !== "")
  const [only] = words
  if (words.length === 1 && (only === "all" || only === "later" || only === "skip")) return { kind: only }
  let { action, sensitivity } = suggestion
  const labels: string[] = []
  let hasLabels = false
  for (const word of words) {
    const asAction = ACTIONS.find((each) => each === word)
    const asSensitivity = SENSITIVITIES.find((each) => each === word)
    if (asAction) action = asAction
    else if (asSensitivity) sensitivity = asSensitivity
    else if (word === "-") hasLabels = true
    else if (word.includes(":") && label.safeParse(word).success) {
      hasLabels = true
      labels.push(word)
    } else return { wrong: word }
  }
  return {
    kind: "class",
    class: { ...suggestion, action, sensitivity, labels: hasLabels ? [...new Set(labels)] : suggestion.labels },
  }
}

function suggested({ suggestion: { action, labels } }: FoundTool, { sensitivity = UNTOLD_SENSITIVITY }: Wishes): Class {
  return { action, labels, sensitivity, isLookedAt: true }
}

function unseen({ unseen }: FoundTool, { sensitivity = UNTOLD_SENSITIVITY }: Wishes): Class {
  return { ...unseen, sensitivity, isLookedAt: false }
}

function wordsOf({ action, sensitivity, labels }: Class): string {
  return [action, sensitivity, ...labels].join(" ")
}

function shown({ name, description, suggestion }: FoundTool): string {
  const shownText = description === "" ? "(no description)" : escaped(description)
  return `${name}\n  ${shownText}\n  suggested: ${[suggestion.action, ...suggestion.labels].join(" ")} (${suggestion.because})`
}

function changeOf(each: ChangedTool): string {
  if (each.what === "unpinned") return "in the catalog without a pin"
  const changed = `changed: ${whatChanged(each.what, each.tool.mark)}`
  return each.from.length === 0 ? changed : `${changed}; ${takes(each)}`
}

function left(): Failure {
  return new Failure(
    "nothing is written, as you have left",
    "Run it again; `--accept` accepts all suggestions without prompts.",
  )
}
