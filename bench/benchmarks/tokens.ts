/** What it costs to know a delegation token: seen before, seen first, and by the bare library. */
import type { Benchmark } from "../benchmark.ts"
import { compare, type Side } from "../compare.ts"
import type { Lab } from "../lab.ts"
import { prepare } from "../load/request.ts"
import { startCredential } from "../servers/floor.ts"
import type { Workerd } from "../servers/workerd.ts"

export const knownToken: Benchmark = {
  name: "known-token",
  question: "verifying a token that was seen before, against one that was not",
  unit: "ratio",
  target: 20,
  run: async (lab) => {
    const { value, sides } = await measure(lab, "100 × seen", "10 × unseen")
    return { value: value * 10, sides }
  },
}

/** 1.5 times the bare library's cost is two thirds of its rate. */
export const firstToken: Benchmark = {
  name: "first-token",
  question: "verifying a token that was not seen before, all rules included, against a bare jwtVerify of it",
  unit: "ratio",
  target: 0.667,
  run: (lab) => measure(lab, "10 × unseen", "10 × bare"),
}

async function measure(lab: Lab, subject: string, floor: string): ReturnType<Benchmark["run"]> {
  await using worker = await startCredential(lab)
  const { ratio, sides } = await compare(lab, sideOf(worker, subject), sideOf(worker, floor))
  return { value: ratio, sides }
}

function sideOf({ port, pid, complaints }: Workerd, name: string): Side {
  const get = (path: string, contains: string) =>
    prepare({ method: "GET", path, headers: {} }, { status: 200, contains })
  const probes = [get("/forged", "refused")]
  const [, path = ""] = name.split(" × ")
  return { name, port, pid, requests: [get(`/${path}`, "verified")], probes, counted: null, complaints }
}
