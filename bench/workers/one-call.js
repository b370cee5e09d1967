/** The least that a Hono Worker can do which asks one Durable Object by name: floor of a decision by a ledger. */
import { DurableObject } from "cloudflare:workers"
import { Hono } from "hono"

export class Counter extends DurableObject {
  #count = 0

  add() {
    this.#count += 1
    return this.#count
  }

  read() {
    return this.#count
  }
}

const app = new Hono()
app.all("/count/:name", async (c) => c.text(String(await c.env.COUNTER.getByName(c.req.param("name")).add())))
// For the guard: what the objects counted must be what was answered.
app.get("/read/:name", async (c) => c.text(String(await c.env.COUNTER.getByName(c.req.param("name")).read())))

export default app
