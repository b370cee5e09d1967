/** A Durable Object of this deployment: in its jurisdiction, with what it has stored in the form of this release. */
import { DurableObject } from "cloudflare:workers"
import { inJurisdiction } from "../jurisdiction.ts"
import type { ObjectClass } from "./steps.ts"
import { bringForward, keepVersion } from "./version.ts"

export abstract class StoredObject extends DurableObject<Env> {
  /**
   * @param name a literal: the build shortens the names of classes
   * @param begins when it first stores something: with its first life, or later, and then it calls `keepVersion` itself
   */
  constructor(ctx: DurableObjectState, env: Env, name: ObjectClass, begins: "at once" | "later" = "at once") {
    super(ctx, inJurisdiction(env))
    bringForward(name, ctx.storage)
    if (begins === "at once") keepVersion(name, ctx.storage)
  }
}
