/** What to run once a first policy directory is there: three commands, as they are typed. */
import { relative, resolve } from "node:path"
import { isWithin, toolsFor, type Plan } from "./plan.ts"

const ROOT = resolve(import.meta.dirname, "../..")

export function nextCommands(directory: string, plan: Plan): readonly string[] {
  // npm runs scripts in the repository, wherever that is.
  const isScript = process.env["npm_lifecycle_event"] === "narrowgate"
  const narrowgate = isScript ? "npm run -s narrowgate --" : "narrowgate"
  const target = resolve(directory)
  const fromRoot = relative(ROOT, target).startsWith("..") ? target : relative(ROOT, target)
  const check = `${narrowgate} check ${directory}`
  if (plan.trust.kind === "provider") {
    return [
      check,
      `${narrowgate} keygen --out publisher.jwk`,
      `${narrowgate} publish ${directory} --key publisher.jwk --url <the Worker's URL>`,
    ]
  }
  const tool = toolsFor(plan, (given) => given.action === "read" && isWithin(plan, given))[0] ?? "<tool>"
  return [
    check,
    `npm run dev -- --policies ${fromRoot} --gateway`,
    `${narrowgate} try ${tool} --policies ${directory} --agent ${plan.agent} --login alice`,
  ]
}
