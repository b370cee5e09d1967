/** The floors: Workers that do the least that a request of its kind can cost here. */
import type { Lab } from "../lab.ts"
import { buildFloor } from "./build.ts"
import { readManifest } from "../../dev/manifest.ts"
import { startWorkerd, type Workerd } from "./workerd.ts"

const NONE = { variables: {}, namespaces: {}, storage: "memory" } as const

/** Answers 200 to everything. */
export async function startNoOp(lab: Lab): Promise<Workerd> {
  const [module, manifest] = await Promise.all([buildFloor(lab, "no-op.js"), readManifest()])
  return startWorkerd(lab, { ...NONE, ...manifest, module, durableObjects: [] })
}

/** Asks one in-memory Durable Object by the name in the path, which counts. */
export async function startOneCall(lab: Lab): Promise<Workerd> {
  const [module, manifest] = await Promise.all([buildFloor(lab, "one-call.js"), readManifest()])
  const durableObjects = [{ binding: "COUNTER", className: "Counter" }]
  return startWorkerd(lab, { ...NONE, ...manifest, module, durableObjects })
}

/** Verifies tokens, and does nothing else. */
export async function startCredential(lab: Lab): Promise<Workerd> {
  const [module, manifest] = await Promise.all([buildFloor(lab, "credential.ts"), readManifest()])
  return startWorkerd(lab, { ...NONE, ...manifest, module, durableObjects: [] })
}

/** Is asked and answers as Narrowgate does, and decides nothing. */
export async function startSameDoor(lab: Lab): Promise<Workerd> {
  const [module, manifest] = await Promise.all([buildFloor(lab, "same-door.ts"), readManifest()])
  const durableObjects = [
    { binding: "LEDGER", className: "Counting" },
    { binding: "LOG", className: "Keeping" },
  ]
  return startWorkerd(lab, { ...NONE, ...manifest, module, storage: "disk", durableObjects })
}

/** Reads the body as text and answers how long it is. */
export async function startReadText(lab: Lab): Promise<Workerd> {
  const [module, manifest] = await Promise.all([buildFloor(lab, "read-text.js"), readManifest()])
  return startWorkerd(lab, { ...NONE, ...manifest, module, durableObjects: [] })
}
