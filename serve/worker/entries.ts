/**
 * The namespace `BUNDLES` on one machine: an object with SQLite behind the protocol by which workerd requests a KV namespace.
 * A key is the path of a URL, the methods are GET, PUT and DELETE. It does what `src/bundles/` uses, and nothing else: no
 * lists, no expiry, no metadata. What was put is read at once.
 */
import { DurableObject } from "cloudflare:workers"
import type { ServeEnv } from "./environment.ts"

/** As on Cloudflare. */
const MAX_KEY_BYTES = 512
const MAX_VALUE_BYTES = 25 * 1_048_576
/** A row holds two megabytes at most. */
const PART_BYTES = 1_048_576

const FOUND = { headers: { "Content-Type": "application/octet-stream" } }

export class Entries extends DurableObject<ServeEnv> {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: ServeEnv) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS parts (key TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (key, part)) WITHOUT ROWID",
    )
  }

  override async fetch(request: Request): Promise<Response> {
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1))
    if (key === "" || new TextEncoder().encode(key).length > MAX_KEY_BYTES) return new Response(null, { status: 414 })
    switch (request.method) {
      case "GET":
        return this.#get(key)
      case "PUT":
        return this.#put(key, new Uint8Array(await request.arrayBuffer()))
      case "DELETE":
        this.#sql.exec("DELETE FROM parts WHERE key = ?", key)
        return new Response(null, { status: 204 })
      default:
        return new Response(null, { status: 405 })
    }
  }

  #get(key: string): Response {
    const parts = this.#sql
      .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM parts WHERE key = ? ORDER BY part", key)
      .toArray()
    return parts.length === 0
      ? new Response(null, { status: 404 })
      : new Response(new Blob(parts.map(({ bytes }) => bytes)).stream(), FOUND)
  }

  #put(key: string, value: Uint8Array): Response {
    if (value.length > MAX_VALUE_BYTES) return new Response(null, { status: 413 })
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM parts WHERE key = ?", key)
      // An empty value is one part.
      for (let part = 0; part === 0 || part * PART_BYTES < value.length; part++) {
        const bytes = value.slice(part * PART_BYTES, (part + 1) * PART_BYTES)
        this.#sql.exec("INSERT INTO parts VALUES (?, ?, ?)", key, part, bytes)
      }
    })
    return new Response(null, { status: 204 })
  }
}

/** The service to which the binding `BUNDLES` leads. */
export const bundles = {
  fetch: async (request, env) => env.ENTRIES.getByName("bundles").fetch(request),
} satisfies ExportedHandler<ServeEnv>
