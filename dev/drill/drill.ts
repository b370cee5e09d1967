/**
 * A drill practises a runbook: it brings about what the runbook is for, carries out the runbook's commands, and checks
 * that each step has its effect.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type CommandResult, runCommand } from "./run-command.ts"

/** What was started for one drill, and is used by no other. */
export interface Place {
  /** The environment of commands, and what steps leave for later ones: `$TASK` in a command is what is here. */
  readonly variables: Map<string, string>
  readonly close: () => Promise<void>
}

/** Throws if no step has set it: an empty token would be rejected too, and look like a revoked one. */
export function valueOf({ variables }: Place, name: string): string {
  const value = variables.get(name)
  if (value === undefined || value === "") throw new Error(`no step has set ${name}`)
  return value
}

/** A command of the runbook, word by word. */
export interface CommandStep {
  readonly command: string
  /** What its output has to show. */
  readonly shows: RegExp
  /** Name of a variable → where in the output its value is: the first group. */
  readonly keep?: Readonly<Record<string, RegExp>>
}

/** What agents, attackers and faults do meanwhile, and what an operator does without a command. */
export interface Act<Where extends Place> {
  readonly title: string
  /** Returns what it has seen; throws `NotAsExpected` if the runbook says otherwise. */
  readonly run: (place: Where) => Promise<string>
}

export type Step<Where extends Place> = CommandStep | Act<Where>

export interface Definition<Where extends Place> {
  readonly name: string
  /** One sentence. */
  readonly practises: string
  /** The anchor of its runbook in docs/operate/runbooks.md. */
  readonly runbook: string
  /** @param directory empty, and removed when the process ends */
  readonly start: (directory: string) => Promise<Where>
  readonly steps: readonly Step<Where>[]
}

/** What a reader of the drill's output sees. */
export interface Report {
  readonly began: (number: number, title: string) => void
  readonly printed: (output: string) => void
  readonly saw: (what: string) => void
}

export interface Drill {
  readonly name: string
  readonly practises: string
  readonly runbook: string
  readonly commands: readonly string[]
  /** Once in a process. Returns the number of its steps; throws `NotAsExpected` if one does not have its effect. */
  readonly perform: (report: Report) => Promise<number>
}

export class NotAsExpected extends Error {}

/** @returns what was seen, if it was as expected */
export function expected(seen: string, wanted: string | RegExp): string {
  const isRight = typeof wanted === "string" ? seen === wanted : wanted.test(seen)
  if (!isRight) throw new NotAsExpected(`expected ${wanted}, saw ${seen}`)
  return seen
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

export function drill<Where extends Place>(definition: Definition<Where>): Drill {
  const { name, practises, runbook, steps } = definition
  return {
    name,
    practises,
    runbook,
    commands: steps.flatMap((step) => ("command" in step ? [step.command] : [])),
    async perform(report) {
      let closing: Promise<void> | undefined
      let close: () => Promise<void> = async () => undefined
      const interrupted = (): void => {
        // A second signal does not wait for what the first one ends.
        if (closing) process.exit(130)
        void close().finally(() => process.exit(130))
      }
      for (const signal of SIGNALS) process.on(signal, interrupted)
      try {
        const place = await definition.start(temporaryDirectory())
        close = async () => (closing ??= place.close())
        for (const [index, step] of steps.entries()) {
          report.began(index + 1, "command" in step ? `$ ${step.command}` : step.title)
          report.saw("command" in step ? await runStep(step, place, report) : await step.run(place))
        }
        return steps.length
      } finally {
        await close()
        for (const signal of SIGNALS) process.off(signal, interrupted)
      }
    },
  }
}

/** It has private keys, so it is removed however this process ends, also while a drill starts. */
function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "narrowgate-drill-"))
  process.once("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  return directory
}

async function runStep(step: CommandStep, { variables }: Place, report: Report): Promise<string> {
  const result = await runCommand(step.command, variables)
  report.printed(result.output)
  expectOutput(result, step)
  for (const [name, where] of Object.entries(step.keep ?? {})) {
    const [, value] = where.exec(result.output) ?? []
    if (value === undefined) throw new NotAsExpected(`its output has no ${name}: ${where}`)
    variables.set(name, value)
  }
  return `exit code ${result.code}`
}

function expectOutput({ code, output }: CommandResult, { shows }: CommandStep): void {
  if (code !== 0) throw new NotAsExpected(`expected exit code 0, saw ${code}`)
  if (!shows.test(output)) throw new NotAsExpected(`expected output that shows ${shows}`)
}
