/** The least that a Hono Worker can do: floor of a decision that asks nobody. */
import { Hono } from "hono"

const app = new Hono()
app.all("*", (c) => c.body(null, 200))

export default app
