/** Publications as the tests' publisher signs them. */
import type { JWK } from "jose"
import { signPublication } from "../../cli/compiler/sign.ts"
import type { Pointer, Publishing } from "../../src/core/policy/bundle.ts"
import { US } from "./issuers.ts"

export const SAID = { aud: US, by: "a test", why: "to see what comes of it" }

export async function signPointer(key: JWK, pointer: Pointer, what: Publishing = "pointer"): Promise<string> {
  return signPublication(key, pointer, SAID, what)
}
