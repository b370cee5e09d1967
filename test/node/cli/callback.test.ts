/** The address on loopback to which an identity provider sends a person back. */
import { once } from "node:events"
import { connect } from "node:net"
import { text } from "node:stream/consumers"
import { expect, it } from "vitest"
import { awaitCallback } from "../../../cli/remote/oidc-login.ts"

/** The status line of the answer, to a request target that no client would write. */
async function ask(redirect: string, target: string): Promise<string> {
  const socket = connect(Number(new URL(redirect).port), "127.0.0.1")
  await once(socket, "connect")
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  const [line = ""] = (await text(socket)).split("\r\n")
  return line
}

it("takes an answer with the expected state, and nothing else", async () => {
  const { redirect, arrived, close } = await awaitCallback("expected")
  try {
    expect(await ask(redirect, "/elsewhere")).toContain(" 404 ")
    for (const target of ["//[", "/callback", "/callback?code=theirs", "/callback?code=theirs&state=other"])
      expect([target, await ask(redirect, target)]).toEqual([target, expect.stringContaining(" 400 ")])
    expect(await ask(redirect, "/callback?code=ours&state=expected")).toContain(" 200 ")
    expect((await arrived).href).toBe(`${redirect}?code=ours&state=expected`)
  } finally {
    close()
  }
})
