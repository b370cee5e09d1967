import { expect, it } from "vitest"
import { probeOf } from "../../../cli/init/source.ts"

const mcp = (url: string) => ({ kind: "mcp", url: new URL(url), name: "x" }) as const

it.each(["http://127.0.0.1:3001/mcp", "https://mcp.example/mcp"])("a server at %s can be asked again", (url) => {
  expect(probeOf(mcp(url))).toBe(url)
})

it.each([
  ["a query may be a credential, which no catalog should hold", "https://mcp.example/mcp?key=secret"],
  ["no Worker reaches a private network", "http://10.0.0.7/mcp"],
  ["nobody sends it in the clear", "http://mcp.example/mcp"],
])("%s", (_why, url) => {
  expect(probeOf(mcp(url))).toBeNull()
})

it("a document is no server", () => {
  expect(probeOf({ kind: "openapi", file: "shop.yaml", name: "shop" })).toBeNull()
})
