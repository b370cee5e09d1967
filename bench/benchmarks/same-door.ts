/**
 * What of `guarded-allow` is the platform's and the contract's, and what is ours: a Worker between the two, which is asked and
 * answers as Narrowgate does and decides nothing.
 */
import { guard, type Benchmark } from "../benchmark.ts"
import { compare, type Side } from "../compare.ts"
import { startOneCall, startSameDoor } from "../servers/floor.ts"
import { GUARDED } from "../servers/guarded.ts"
import { guardedSide, startGuarded } from "./guarded.ts"
import { oneCallSide, sameDoorSide } from "./sides.ts"
import { MANY_TREES, openTrees } from "./trees.ts"

export const sameDoor: Benchmark = {
  name: "same-door",
  question: "the same question and answer with no decision between them, against one object call",
  unit: "ratio",
  target: null,
  async run(lab) {
    await using narrowgate = await startGuarded(lab, GUARDED)
    await using door = await startSameDoor(lab)
    await using floor = await startOneCall(lab)
    const tasks = await openTrees(narrowgate, MANY_TREES)
    const subject = sameDoorSide(door, narrowgate, tasks)
    const { ratio, sides } = await compare(lab, subject, oneCallSide(floor, narrowgate, tasks))
    return { value: ratio, sides }
  },
}

export const guardedOwn: Benchmark = {
  name: "guarded-own",
  question: "the call of guarded-allow, against the same question and answer undecided, by processor time",
  unit: "ratio",
  target: 0.85,
  async run(lab) {
    await using narrowgate = await startGuarded(lab, GUARDED)
    await using door = await startSameDoor(lab)
    const tasks = await openTrees(narrowgate, MANY_TREES)
    const [subject, same] = [await guardedSide(narrowgate, tasks, GUARDED), sameDoorSide(door, narrowgate, tasks)]
    const [ours, theirs] = [await headersOf(subject), await headersOf(same)]
    guard(ours.join() === theirs.join(), `one answers with ${ours.join(", ")}, the other with ${theirs.join(", ")}`)
    const { cpuRatio, sides } = await compare(lab, subject, same)
    return { value: cpuRatio, sides }
  },
}

/** Names of those that a side answers its first request with. */
async function headersOf({ port, requests }: Side): Promise<readonly string[]> {
  const [first] = typeof requests === "function" ? await requests() : requests
  const [head = "", ...lines] = new TextDecoder().decode(first?.bytes).trim().split("\r\n")
  const [, path = "/"] = head.split(" ")
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const asked = headers.filter(([name]) => name !== "host")
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: asked })
  await response.body?.cancel()
  return [...response.headers.keys()].toSorted()
}
