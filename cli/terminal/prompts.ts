/**
 * Prompts and progress for a person at the terminal. All of it goes to stderr, so that stdout has the result alone.
 * Without a terminal nothing is prompted and nothing is shown.
 */
import { Failure } from "./failure.ts"

/** A spinner that disappears sooner would only flicker. */
const MOMENT_MS = 300

/** A person who reads prompts and can answer them. */
export function isSomebodyThere(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

export interface Choice<Value extends string> {
  readonly value: Value
  readonly label: string
  readonly hint?: string
}

/** @param wrong says what is wrong with an answer; undefined if nothing is */
export async function askText(
  message: string,
  initial: string,
  wrong: (answer: string) => string | undefined,
): Promise<string> {
  const { text } = await import("@clack/prompts")
  const validate = (answer = "") => wrong(answer === "" ? initial : answer)
  return given(await text({ message, placeholder: initial, defaultValue: initial, validate, output: process.stderr }))
}

export async function askChoice<Value extends string>(
  message: string,
  choices: readonly Choice<Value>[],
): Promise<Value> {
  const { select } = await import("@clack/prompts")
  const options = choices.map(({ value, label, hint = "" }): { value: string; label: string; hint: string } => ({
    value,
    label,
    hint,
  }))
  const answer = given(await select<string>({ message, options, output: process.stderr }))
  const chosen = choices.find(({ value }) => value === answer)
  if (!chosen) throw new Error(`${answer} was not to be chosen`)
  return chosen.value
}

/** A line as it is typed; null if the person has left. */
export async function askLine(message: string): Promise<string | null> {
  const { isCancel, text } = await import("@clack/prompts")
  const answer = await text({ message: message.trim(), output: process.stderr })
  return isCancel(answer) ? null : (answer ?? "")
}

/** A secret, which is not shown as it is typed; null if the person has left. */
export async function askSecret(message: string): Promise<string | null> {
  const { isCancel, password } = await import("@clack/prompts")
  const answer = await password({ message, output: process.stderr })
  return isCancel(answer) ? null : answer
}

export async function withProgress<Value>(message: string, work: () => Promise<Value>): Promise<Value> {
  if (!process.stderr.isTTY) return work()
  const { spinner } = await import("@clack/prompts")
  const spinning = spinner({ output: process.stderr, indicator: "timer" })
  let isShown = false
  const begin = setTimeout(() => {
    isShown = true
    spinning.start(message)
  }, MOMENT_MS)
  try {
    return await work()
  } finally {
    clearTimeout(begin)
    if (isShown) spinning.clear()
  }
}

function given(answer: string | symbol): string {
  if (typeof answer === "string") return answer
  throw new Failure("nothing is written, as you have left", "Run it again; with `--yes` there are no prompts.")
}
