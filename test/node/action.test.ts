/** The action of this repository, and the workflow that `narrowgate init --template` writes and that uses it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { describe, expect, test } from "vitest"
import { z } from "zod"

const ROOT = join(import.meta.dirname, "../..")
const read = (file: string): unknown => parse(readFileSync(join(ROOT, file), "utf8"))

const step = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  if: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
})
const action = z
  .object({
    inputs: z.record(z.string(), z.strictObject({ description: z.string(), default: z.string() })),
    runs: z.object({ using: z.literal("composite"), steps: z.array(step) }),
  })
  .parse(read("action.yml"))
const workflow = z
  .object({
    on: z.record(z.string(), z.unknown()),
    permissions: z.object({}).strict(),
    jobs: z.record(z.string(), z.object({ permissions: z.record(z.string(), z.string()), steps: z.array(step) })),
  })
  .parse(read("template/.github/workflows/policies.yaml"))

const steps = [...action.runs.steps, ...Object.values(workflow.jobs).flatMap((job) => job.steps)]

test("no script contains an expression: what strangers write is never run", () => {
  const scripts = steps.flatMap(({ run }) => run ?? [])
  expect(scripts.length).toBeGreaterThan(5)
  for (const script of scripts) expect(script).not.toContain("${{")
})

test("each action of others is named by a whole version", () => {
  const others = steps.flatMap(({ uses }) => uses ?? []).filter((uses) => !uses.startsWith("./"))
  expect(others.length).toBeGreaterThan(0)
  for (const uses of others) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/u)
})

test("every input is used, and only inputs are", () => {
  const text = readFileSync(join(ROOT, "action.yml"), "utf8")
  const used = Array.from(text.matchAll(/\binputs\.([\w-]+)/gu), ([, name = ""]) => name)
  expect([...new Set(used)].toSorted()).toEqual(Object.keys(action.inputs).toSorted())
})

test("nothing is published but for events that run what the repository has", () => {
  const publishing = action.runs.steps.filter(({ run }) => run?.includes("narrowgate publish"))
  expect(publishing.map((each) => each.if)).toEqual([
    `contains(fromJSON('["push", "workflow_dispatch", "schedule"]'), github.event_name) && inputs.publish == 'true'`,
  ])
})

describe("the workflow", () => {
  test("reviews with what a comment takes, and publishes with what reading takes, never a pull request of a stranger", () => {
    expect(Object.keys(workflow.on).toSorted()).toEqual(["pull_request", "push"])
    expect(workflow.jobs["review"]?.permissions).toEqual({ contents: "read", "pull-requests": "write" })
    expect(workflow.jobs["publish"]?.permissions).toEqual({ contents: "read" })
    expect(JSON.stringify(workflow.jobs["review"])).not.toContain("secrets")
  })

  test("gives the package's action inputs that it has", () => {
    for (const job of Object.values(workflow.jobs)) {
      const own = job.steps.filter(({ uses }) => uses === "./node_modules/narrowgate")
      expect(own).toHaveLength(1)
      for (const name of Object.keys(own[0]?.with ?? {})) expect(action.inputs).toHaveProperty(name)
    }
  })
})
