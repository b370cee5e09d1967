/** The steps of the package's action, run by bash as a runner of GitHub does. */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { z } from "zod"
import type { Place, Ran } from "./installed.ts"

const action = z.object({
  inputs: z.record(z.string(), z.object({ default: z.string() })),
  runs: z.object({
    steps: z.array(
      z.object({
        name: z.string(),
        run: z.string(),
        shell: z.literal("bash"),
        "working-directory": z.string().optional(),
        env: z.record(z.string(), z.string()),
      }),
    ),
  }),
})

/** @param contexts what expressions stand for, besides inputs, which have their defaults */
export async function runStep(
  { directory, env }: Place,
  name: string,
  contexts: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
): Promise<Omit<Ran, "seconds">> {
  const { inputs, runs } = action.parse(
    parse(readFileSync(join(directory, "node_modules/narrowgate/action.yml"), "utf8")),
  )
  const step = runs.steps.find((each) => each.name === name)
  if (step === undefined) throw new Error(`the action has no step ${name}`)
  const values: Readonly<Record<string, string | undefined>> = {
    ...Object.fromEntries(Object.entries(inputs).map(([input, { default: value }]) => [`inputs.${input}`, value])),
    ...contexts,
  }
  const valueOf = (text: string): string =>
    text.replaceAll(/\$\{\{ (.+?) \}\}/gu, (_all, expression: string) => {
      const value = values[expression]
      if (value === undefined) throw new Error(`nothing is known of ${expression}`)
      return value
    })
  const own = Object.fromEntries(Object.entries(step.env).map(([variable, text]) => [variable, valueOf(text)]))
  const cwd = join(directory, valueOf(step["working-directory"] ?? "."))
  return new Promise((resolve) => {
    const bash = ["--noprofile", "--norc", "-eo", "pipefail", "-c", step.run]
    const options = { cwd, env: { ...env, ...variables, ...own } }
    const child = execFile("bash", bash, options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}
