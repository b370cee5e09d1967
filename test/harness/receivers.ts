/** Receivers of notices, and what stands for the network between them and the Worker: what was sent, and what is answered. */
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, vi } from "vitest"
import { outboundOf } from "../../src/notifications/outbound-stub.ts"
import { type ReceiverDefinition, EVENTS, SIGNAL_EVENTS } from "../../src/core/policy/definition/receivers.ts"

export const DESK: ReceiverDefinition = {
  id: "desk",
  format: "standard",
  url: "https://desk.test/hooks",
  events: EVENTS,
  arguments: false,
}
export const CHAT: ReceiverDefinition = { id: "chat", format: "slack", events: EVENTS, arguments: false }
export const OTHER: ReceiverDefinition = {
  id: "other",
  format: "set",
  url: "https://other.test/v1/events",
  events: SIGNAL_EVENTS,
  audience: "https://other.test/v1/events",
  bearer: true,
}

export interface Sent {
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

export interface Network {
  /** In the order in which they were sent. */
  readonly sent: readonly Sent[]
  /** What is answered from now on; an error is thrown. */
  answer: (sent: Sent) => Response | Error | Promise<Response>
}

/** Instead of the network, until mocks are restored. */
export function network(answer: Network["answer"] = () => new Response(null, { status: 204 })): Network {
  const sent: Sent[] = []
  const made: Network = { sent, answer }
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init)
    expect(request.redirect).toBe("manual")
    const one = {
      url: request.url,
      headers: request.headers,
      body: new TextDecoder().decode(await request.arrayBuffer()),
    }
    sent.push(one)
    const answered = await made.answer(one)
    if (answered instanceof Error) throw answered
    return answered
  })
  return made
}

/** Waits for as many as are expected, by their own alarms. */
export async function sentOf(made: Network, count: number, host = ""): Promise<readonly Sent[]> {
  const of = (): readonly Sent[] => made.sent.filter(({ url }) => new URL(url).host.startsWith(host))
  await vi.waitFor(() => expect(of()).toHaveLength(count), { timeout: 8_000, interval: 20 })
  return of()
}

export const deliveriesOf = async (receiver: string) => outboundOf(env, receiver).list()

/** What is due by the clock of now. */
export async function ring(receiver: string): Promise<void> {
  await runDurableObjectAlarm(outboundOf(env, receiver))
}
