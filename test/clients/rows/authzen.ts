/** A client of AuthZEN, which asks about policy. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { installation } from "../installed.ts"
import type { Line } from "../row.ts"

export const QUESTIONS: ReadonlyMap<"evaluation", string> = new Map([["evaluation", "evaluation"]])

export interface QuestionOrder {
  readonly server: string
  readonly key: string
  readonly people: readonly string[]
}

export interface QuestionRow extends Line<"evaluation"> {
  /** @returns of each person, whether they are allowed to read a claim */
  readonly ask: (order: QuestionOrder) => Promise<readonly string[]>
}

export const decern: QuestionRow = {
  name: "decern",
  title: "decern (Python client)",
  version: ["python/mcp-2.txt", "decern"],
  ask: async (order) => {
    const program = join(import.meta.dirname, "../python/decern_client.py")
    const { stdout } = await promisify(execFile)(installation("mcp-2/bin/python"), [program, JSON.stringify(order)])
    return stdout.trim().split("\n")
  },
  misses: {},
}
