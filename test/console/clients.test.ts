import { expect, test } from "vitest"
import { visitorAs } from "../harness/browsing.ts"
import { yardForEach } from "../harness/each-test.ts"
import { newClient, publishClass } from "../harness/registration.ts"

yardForEach()

const PAGE = "/console/agents/clients"

test("registered clients are shown with their own claims as text, and an operator revokes one", async () => {
  await publishClass()
  const redirect_uris = ["https://app.test/a", "https://app.test/b", "http://127.0.0.1:4000/callback"]
  const client = await newClient({ client_name: "<script>1</script>", redirect_uris })
  const [viewer, operator] = [await visitorAs("viewer"), await visitorAs("operator")]
  const seen = await (await viewer.get(PAGE)).text()
  expect(seen).toContain("&lt;script&gt;1&lt;/script&gt;")
  expect(seen).toContain("app.test, 127.0.0.1:4000")
  expect(seen).toContain("1 client of the class mcp.")
  expect(seen).not.toContain("Revoke")
  expect(await (await operator.get(PAGE)).text()).toContain("Revoke")
  expect((await viewer.post(PAGE, { client })).status).toBe(403)
  const done = await operator.post(PAGE, { client })
  expect([done.status, done.headers.get("location")]).toEqual([303, PAGE])
  expect(await (await viewer.get(PAGE)).text()).toContain("No client is registered.")
})

test("without a class the page says that none can register", async () => {
  expect(await (await (await visitorAs("viewer")).get(PAGE)).text()).toContain("agents.yaml has no registration")
})
