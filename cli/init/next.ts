/** What to run once a first policy directory is there: three commands, as they are typed. */
import { relative, resolve } from "node:path"
import { CALLED } from "../called.ts"
import { isWithin, toolsFor, type Plan } from "./plan.ts"

const ROOT = resolve(import.meta.dirname, "../..")

export function nextCommands(directory: string, plan: Plan): readonly string[] {
  // npm runs its scripts in the repository.
  const target = resolve(directory)
  const fromRoot = relative(ROOT, target).startsWith("..") ? target : relative(ROOT, target)
  const check = `${CALLED} check ${directory}`
  if (plan.trust.kind === "provider") {
    return [
      check,
      `${CALLED} keygen --out publisher.jwk`,
      `${CALLED} publish ${directory} --key publisher.jwk --url <the Worker's URL>`,
    ]
  }
  const tool = toolsFor(plan, (given) => given.action === "read" && isWithin(plan, given))[0] ?? "<tool>"
  return [
    check,
    `npm run dev -- --policies ${fromRoot} --gateway`,
    `${CALLED} try ${tool} --policies ${directory} --agent ${plan.agent} --login alice`,
  ]
}
