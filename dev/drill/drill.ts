/**
 * A drill practises a runbook: it brings about what the runbook is for, carries out the runbook's commands, and checks
 * that each step has its effect.
 */
import { runCommand, type Ran } from "./run-command.ts"

/** Where a drill takes place: what was started for it, which nobody else uses. */
export interface Place {
  /** The environment of commands, and what steps leave for later ones: `$TASK` in a command is what is here. */
  readonly variables: Map<string, string>
  readonly close: () => Promise<void>
}

/** A command of the runbook, word by word. */
export interface CommandStep {
  readonly command: string
  readonly exit?: number
  /** What its output has to show. */
  readonly shows: RegExp
  /** Name of a variable → where in the output its value is: the first group. */
  readonly keep?: Readonly<Record<string, RegExp>>
}

/** What agents, attackers and faults do meanwhile, and what an operator does who is at no shell. */
export interface Act<Where extends Place> {
  readonly title: string
  /** Returns what was seen; throws `NotAsExpected` if it was something else than the runbook says. */
  readonly run: (place: Where) => Promise<string>
}

export type Step<Where extends Place> = CommandStep | Act<Where>

export interface Definition<Where extends Place> {
  readonly name: string
  /** One sentence. */
  readonly practises: string
  /** The anchor of its runbook in docs/operate/runbooks.md. */
  readonly runbook: string
  readonly start: () => Promise<Where>
  readonly steps: readonly Step<Where>[]
}

/** What a reader of the drill's output is shown. */
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
  /** Returns the number of its steps; throws `NotAsExpected` if one has not its effect. */
  readonly perform: (report: Report) => Promise<number>
}

export class NotAsExpected extends Error {}

/** @returns what was seen, if it was as expected */
export function expected(seen: string, wanted: string | RegExp): string {
  const isRight = typeof wanted === "string" ? seen === wanted : wanted.test(seen)
  if (!isRight) throw new NotAsExpected(`expected ${wanted}, saw ${seen}`)
  return seen
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const

export function drill<Where extends Place>(definition: Definition<Where>): Drill {
  const { name, practises, runbook, steps } = definition
  return {
    name,
    practises,
    runbook,
    commands: steps.flatMap((step) => ("command" in step ? [step.command] : [])),
    async perform(report) {
      const place = await definition.start()
      const interrupted = (): void => void place.close().finally(() => process.exit(130))
      for (const signal of SIGNALS) process.once(signal, interrupted)
      try {
        for (const [index, step] of steps.entries()) {
          report.began(index + 1, "command" in step ? `$ ${step.command}` : step.title)
          report.saw("command" in step ? await runStep(step, place, report) : await step.run(place))
        }
        return steps.length
      } finally {
        for (const signal of SIGNALS) process.off(signal, interrupted)
        await place.close()
      }
    },
  }
}

async function runStep(step: CommandStep, { variables }: Place, report: Report): Promise<string> {
  const ran = await runCommand(step.command, variables)
  report.printed(ran.output)
  expectOutput(ran, step)
  for (const [name, where] of Object.entries(step.keep ?? {})) {
    const [, value] = where.exec(ran.output) ?? []
    if (value === undefined) throw new NotAsExpected(`its output has no ${name}: ${where}`)
    variables.set(name, value)
  }
  return `exit code ${ran.code}`
}

function expectOutput({ code, output }: Ran, { exit = 0, shows }: CommandStep): void {
  if (code !== exit) throw new NotAsExpected(`expected exit code ${exit}, saw ${code}`)
  if (!shows.test(output)) throw new NotAsExpected(`expected output that shows ${shows}`)
}
