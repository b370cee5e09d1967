/**
 * The test build: the Worker as it is released, with a clock that tests advance (clock.ts), and policies and keys that
 * come with it. No release contains a file of this folder.
 */
// Before anything of the release is loaded.
import { now } from "./clock.ts"
import { WorkerEntrypoint } from "cloudflare:workers"
import { findRecord, findRecords } from "../../src/audit/record-logs.ts"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import released, * as release from "../../src/index.ts"
import type { WorkerAnswer, WorkerCall, WorkerList, WorkerSettlement } from "../../src/gateway/rpc.ts"
import type { Facts, Setup } from "../kit/setup.ts"
import { advance, driven } from "./alarms.ts"
import { publishedEnvironment, receiveSetup, setupIn } from "./environment.ts"

export const ClientRegistry = driven(release.ClientRegistry, "CLIENT_REGISTRY")
export const Exporter = driven(release.Exporter, "EXPORTER")
export const MetricsExporter = driven(release.MetricsExporter, "METRICS_EXPORTER")
export const Inbox = driven(release.Inbox, "INBOX")
export const Ledger = driven(release.Ledger, "LEDGER")
export const OnceLog = driven(release.OnceLog, "ONCE_LOG")
export const Outbound = driven(release.Outbound, "OUTBOUND")
export const Publications = driven(release.Publications, "PUBLICATIONS")
export const RecordLog = driven(release.RecordLog, "RECORD_LOG")
export const Registration = driven(release.Registration, "REGISTRATION")
export const Session = driven(release.Session, "SESSION")
export const SharedLimit = driven(release.SharedLimit, "SHARED_LIMIT")
export const Switchboard = driven(release.Switchboard, "SWITCHBOARD")

const MOST_RECORDS = 1_000

async function answer(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  return released.fetch(request, await publishedEnvironment(env), ctx)
}

export default {
  fetch: answer,
  async scheduled(controller, env, ctx): Promise<void> {
    await released.scheduled(controller, await publishedEnvironment(env), ctx)
  },
} satisfies ExportedHandler<Env>

/** For Workers that are bound to it, as the release has it. */
export class Authorizer extends WorkerEntrypoint<Env> {
  async authorize(call: WorkerCall): Promise<WorkerAnswer> {
    return (await this.#released()).authorize(call)
  }

  async tools(list: WorkerList): Promise<WorkerAnswer> {
    return (await this.#released()).tools(list)
  }

  async settle(call: WorkerSettlement): Promise<WorkerAnswer> {
    return (await this.#released()).settle(call)
  }

  async #released(): Promise<release.Authorizer> {
    return new release.Authorizer(this.ctx, await publishedEnvironment(this.env))
  }
}

/** For tests alone: a Worker that is bound to this entry point controls the clock, and has every identity. */
export class TestKit extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    return answer(request, this.env, this.ctx)
  }

  /** @param setup if the Worker was started without */
  async facts(setup?: Setup): Promise<Facts> {
    if (setup) receiveSetup(setup)
    await publishedEnvironment(this.env)
    const { issuer, policies, identities, keys, users } = setupIn(this.env)
    return { issuer, policies, identities, keys, users }
  }

  now(): number {
    return now()
  }

  async advance(milliseconds: number): Promise<number> {
    return advance(milliseconds)
  }

  async records(task: string, ids: readonly string[]): Promise<readonly DecisionRecord[]> {
    const env = await publishedEnvironment(this.env)
    const listed = await findRecords(env, { task, limit: MOST_RECORDS })
    const others = ids.filter((id) => listed.every((record) => record.id !== id))
    const found = await Promise.all(others.map(async (id) => findRecord(env, id)))
    return [...listed, ...found.filter((record) => record !== null)].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  async authorize(call: WorkerCall): Promise<WorkerAnswer> {
    return new release.Authorizer(this.ctx, await publishedEnvironment(this.env)).authorize(call)
  }
}
