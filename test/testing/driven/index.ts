/** A Worker whose time is driven as that of the test build, with an object that writes down when its alarms come. */
import { now } from "../../../testing/worker/clock.ts"
import { StoredObject } from "../../../src/platform/storage/stored-object.ts"
import { advance, driven } from "../../../testing/worker/alarms.ts"

const EVERY_MS = 90_000

class Chime extends StoredObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Inbox", "later")
  }

  /** @param after milliseconds */
  async begin(after: number): Promise<number> {
    const now = Date.now()
    await this.ctx.storage.setAlarm(now + after)
    return now
  }

  /** As the object sees its alarm. */
  async next(): Promise<number | null> {
    return this.ctx.storage.getAlarm()
  }

  async times(): Promise<readonly number[]> {
    return (await this.ctx.storage.get<number[]>("times")) ?? []
  }

  async empty(): Promise<void> {
    await this.ctx.storage.deleteAll()
  }

  protected override async onAlarm(): Promise<void> {
    const times = [...(await this.times()), Date.now()]
    await this.ctx.storage.put("times", times)
    if (times.length === 2) throw new Error("the second one fails, by a test")
    await this.ctx.storage.setAlarm(new Date(Date.now() + EVERY_MS))
  }
}

export const Inbox = driven(Chime, "INBOX")

const OPERATIONS: Readonly<Record<string, (env: Env, given: number) => Promise<unknown>>> = {
  begin: async (env, given) => chime(env).begin(given),
  next: async (env) => chime(env).next(),
  times: async (env) => chime(env).times(),
  empty: async (env) => chime(env).empty(),
  advance: async (_env, given) => advance(given),
  now: async () => [
    now(),
    Date.now(),
    new Date().getTime(),
    new Date(0).getTime(),
    new Date() instanceof Date,
    Date.UTC(1970),
  ],
  timer: async (_env, given) => {
    const ended = new AbortController()
    const cleared = setTimeout(() => ended.abort(), given / 2)
    clearTimeout(cleared)
    await new Promise<void>((resolve) => void setTimeout(resolve, given))
    return [Date.now(), ended.signal.aborted]
  },
  wait: async (_env, given) => {
    await scheduler.wait(given)
    return Date.now()
  },
}

// As the runtime has it: what `driven` returns has no methods of its own.
function chime(env: Env): DurableObjectStub<Chime> {
  const namespace: DurableObjectNamespace<Chime> = Reflect.get(Object(env), "INBOX")
  return namespace.getByName("chime")
}

export default {
  async fetch(request, env) {
    const { operation, given } = await request.json<{ readonly operation: string; readonly given: number }>()
    return Response.json((await OPERATIONS[operation]?.(env, given)) ?? null)
  },
} satisfies ExportedHandler<Env>
