/**
 * The entry points of the Worker: HTTP, RPC for Workers that are bound to it, the Cron Trigger, and the Durable Objects
 * for state that must be exact.
 */
import { serve } from "./app.ts"
import { answerUnowned } from "./bundles/ownership.ts"
import { logEvent } from "./platform/log.ts"
import { probeServers } from "./probe/probe.ts"
import { warmUp } from "./gateway/warm-up.ts"
import { applySinks } from "./export/subscriptions.ts"
import { bundleFor, requestContext } from "./request-context.ts"

export { Exporter } from "./export/exporter.ts"
export { MetricsExporter } from "./export/metrics-exporter.ts"
export { RecordLog } from "./audit/record-log.ts"
export { Inbox } from "./ledger/inbox.ts"
export { OnceLog } from "./authorization-server/token/replay-log.ts"
export { ClientRegistry } from "./ledger/registration/client-registry.ts"
export { Registration } from "./ledger/registration/registration.ts"
export { Outbound } from "./notifications/outbound.ts"
export { Publications } from "./bundles/publications.ts"
export { Session } from "./web/session.ts"
export { Authorizer } from "./gateway/rpc.ts"
export { Ledger } from "./ledger/ledger.ts"
export { SharedLimit } from "./ledger/shared-limit.ts"
export { Switchboard } from "./revocation/switchboard.ts"

// If warming up fails, the first call takes some milliseconds longer; the Worker starts all the same.
if (!(await warmUp().catch(() => false))) logEvent("rehearsal_failed", {})

export default {
  fetch: serve,
  /** Called by the Cron Trigger of wrangler.toml, or by an alarm (serve/worker/schedule.ts). */
  async scheduled(_controller: unknown, env: Env, ctx: Pick<ExecutionContext, "waitUntil">): Promise<void> {
    const background = (work: Promise<unknown>): void => ctx.waitUntil(work)
    if (await answerUnowned(env, background)) return
    const context = requestContext(env, background)
    const bundle = await bundleFor(context)
    if (bundle) await applySinks(context.env, bundle)
    await probeServers(context)
  },
} satisfies ExportedHandler<Env>
