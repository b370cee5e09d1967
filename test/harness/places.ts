/** Places of key documents on the server of test/node/issuer-server.ts. */
import type { JWK } from "jose"
import { inject } from "vitest"

const server = inject("issuerServer")

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly json?: unknown
  readonly delay?: number
}

/** A place of its own on the server, which nobody has asked before. */
export class Place {
  readonly path = `/${crypto.randomUUID()}`
  readonly uri = server + this.path

  async answers({ status = 200, headers = {}, body, json, delay = 0 }: Answer, path = this.path): Promise<void> {
    const told = { status, headers, body: body ?? JSON.stringify(json ?? {}), delay }
    await fetch(server + path, { method: "PUT", body: JSON.stringify(told) })
  }

  async serves(...keys: readonly JWK[]): Promise<void> {
    await this.answers({ json: { keys } })
  }

  /** How often it was fetched. */
  async asked(path = this.path): Promise<number> {
    return Number(await (await fetch(server + path, { method: "OPTIONS" })).text())
  }
}
