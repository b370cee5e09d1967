/**
 * The jurisdiction in which all Durable Objects of this deployment are created and stay (the variable JURISDICTION). An
 * object's id belongs to its jurisdiction: the same name has another object in each, and the platform refuses the id of
 * another one. So it is fixed from the first deployment on.
 */
import { logEvent } from "./log.ts"

/** The platform's own names. */
export const JURISDICTIONS = [
  "eu",
  "fedramp",
  "fedramp-high",
  "us",
] as const satisfies readonly DurableObjectJurisdiction[]

/** A namespace that is left out does not compile. */
type Objects = { [Name in keyof Env as Env[Name] extends { jurisdiction: unknown } ? Name : never]: Env[Name] }

const restricted = new WeakMap<Env, Env>()

/**
 * The environment in which each namespace of objects is that of the jurisdiction.
 * @throws if there is no such jurisdiction, or if the runtime cannot restrict objects to it, as a local one
 */
export function inJurisdiction(env: Env): Env {
  const name: unknown = Reflect.get(env, "JURISDICTION")
  if (name === undefined || name === "") return env
  let found = restricted.get(env)
  if (!found) restricted.set(env, (found = restrict(env, name)))
  return found
}

function restrict(env: Env, name: unknown): Env {
  const jurisdiction = JURISDICTIONS.find((each) => each === name)
  try {
    if (jurisdiction === undefined) throw new Error(`JURISDICTION is none of ${JURISDICTIONS.join(", ")}`)
    const objects: Objects = {
      EXPORTER: env.EXPORTER.jurisdiction(jurisdiction),
      METRICS_EXPORTER: env.METRICS_EXPORTER.jurisdiction(jurisdiction),
      LEDGER: env.LEDGER.jurisdiction(jurisdiction),
      INBOX: env.INBOX.jurisdiction(jurisdiction),
      ONCE_LOG: env.ONCE_LOG.jurisdiction(jurisdiction),
      OUTBOUND: env.OUTBOUND.jurisdiction(jurisdiction),
      PUBLICATIONS: env.PUBLICATIONS.jurisdiction(jurisdiction),
      RECORD_LOG: env.RECORD_LOG.jurisdiction(jurisdiction),
      REGISTRATION: env.REGISTRATION.jurisdiction(jurisdiction),
      CLIENT_REGISTRY: env.CLIENT_REGISTRY.jurisdiction(jurisdiction),
      SESSION: env.SESSION.jurisdiction(jurisdiction),
      SHARED_LIMIT: env.SHARED_LIMIT.jurisdiction(jurisdiction),
      SWITCHBOARD: env.SWITCHBOARD.jurisdiction(jurisdiction),
    }
    return { ...env, ...objects }
  } catch (error) {
    logEvent("jurisdiction_impossible", { jurisdiction: String(name), error: String(error) })
    throw error
  }
}
