/** What a service learns of the calls that it rejects. */
import { generateKeyPair, SignJWT } from "jose"
import { expect, test } from "vitest"
import { gatekeeper, type CallRejectedError } from "../../../server/index.ts"

const ISSUER = "https://authz.example"
const key = await generateKeyPair("ES256")
const request = (token: string) => ({
  method: "GET",
  target: "/tickets",
  header: (name: string) => (name === "Txn-Token" ? token : null),
  body: async () => ({ kind: "whole", text: "" }) as const,
})
const token = await new SignJWT({})
  .setProtectedHeader({ alg: "ES256", kid: "k", typ: "txntoken+jwt" })
  .sign(key.privateKey)

test("why the keys are out of reach is for the service alone", async () => {
  const rejected: CallRejectedError[] = []
  const check = gatekeeper({
    issuer: ISSUER,
    audience: "api.internal.example",
    tools: { "crm.tickets.list": "GET /tickets" },
    fetch: async () => new Response("", { status: 502 }),
    onRejected: (error) => rejected.push(error),
  })
  await expect(check(request(token))).rejects.toThrow("The caller cannot be verified now.")
  await expect(check(request(""))).rejects.toThrow("A Transaction Token is required.")
  expect(rejected.map(({ code }) => code)).toEqual(["unavailable", "missing_token"])
  const causes = [rejected[0]?.cause, Object(rejected[0]?.cause).cause].map(String)
  expect(causes.join("; ")).toContain(`${ISSUER}/.well-known/jwks.json answers 502`)
})
