/** Checkpoints and proofs in the formats of C2SP: what is written is read again, and nothing else is. */
import { concatBytes } from "@noble/hashes/utils.js"
import { describe, expect, test } from "vitest"
import {
  checkpointText,
  noteKeyId,
  noteOf,
  proofText,
  readCheckpoint,
  readProof,
  type Checkpoint,
} from "../../../src/core/proof/checkpoint.ts"
import { entryHash, EMPTY_ROOT, nodeHash } from "../../../src/core/proof/merkle.ts"

const NAME = "authz.example/logs/records-0"
const CHECKPOINT: Checkpoint = { origin: NAME, size: 20_852_163, root: EMPTY_ROOT }
const encoder = new TextEncoder()

async function signed(text: string): Promise<string> {
  const keys = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])
  if (!("privateKey" in keys)) throw new Error("no pair")
  const raw = await crypto.subtle.exportKey("raw", keys.publicKey)
  if (!(raw instanceof ArrayBuffer)) throw new Error("no bytes")
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", keys.privateKey, encoder.encode(text)))
  return noteOf(text, [{ name: NAME, keyId: noteKeyId(NAME, new Uint8Array(raw)), signature }])
}

test("a checkpoint is read as it was written, with its signature", async () => {
  const text = checkpointText(CHECKPOINT)
  const note = await signed(text)
  expect(note).toMatch(/^authz\.example\/logs\/records-0\n20852163\n[\w+/]{43}=\n\n— authz\S+ [\w+/]{91}=\n$/u)
  const read = readCheckpoint(note)
  expect(read).toMatchObject({ checkpoint: CHECKPOINT, text })
  expect(read?.signatures).toMatchObject([{ name: NAME, keyId: { length: 4 }, signature: { length: 64 } }])
  expect(read && noteOf(read.text, read.signatures)).toBe(note)
})

// The example of c2sp.org/signed-note, whose key is not public: its id alone is the same for the same key.
test("the id of a key depends on its name, and has four bytes", () => {
  const key = new Uint8Array(32).fill(7)
  const ids = [NAME, `${NAME}x`].map((name) => noteKeyId(name, key).join("."))
  expect(new Set(ids).size).toBe(2)
  expect(noteKeyId(NAME, key)).toHaveLength(4)
})

test("of several signatures each is read, and extension lines are left alone", async () => {
  const [, line] = (await signed(checkpointText(CHECKPOINT))).split("\n\n")
  const text = `${checkpointText(CHECKPOINT)}an extension\n`
  const read = readCheckpoint(`${text}\n${line}${line}`)
  expect([read?.text, read?.signatures.length]).toEqual([text, 2])
})

describe("is no checkpoint:", () => {
  const ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
  const SIGNATURE = "\u2014 a NnugSzTj"
  test.each([
    ["", "an empty text"],
    [`a\n1\n${ROOT}\n`, "no signature"],
    [`a\n1\n${ROOT}\n\n`, "no signature line"],
    [`a\n1\n${ROOT}\n\n${SIGNATURE}`, "no line feed at its end"],
    [`\n1\n${ROOT}\n\n${SIGNATURE}\n`, "no origin"],
    [`a\n01\n${ROOT}\n\n${SIGNATURE}\n`, "a leading zero"],
    [`a\n-1\n${ROOT}\n\n${SIGNATURE}\n`, "a negative size"],
    [`a\n1e3\n${ROOT}\n\n${SIGNATURE}\n`, "an exponent"],
    [`a\n9007199254740992\n${ROOT}\n\n${SIGNATURE}\n`, "a size that is not exact"],
    [`a\n1\n${ROOT.slice(0, -2)}V=\n\n${SIGNATURE}\n`, "a root in other base64"],
    [`a\n1\n${ROOT.slice(4)}\n\n${SIGNATURE}\n`, "a short root"],
    [`a\r\n1\n${ROOT}\n\n${SIGNATURE}\n`, "a carriage return"],
    [`a\n1\n${ROOT}\n\nmore\n\n${SIGNATURE}\n`, "an empty line in its text"],
    [`a\n1\n${ROOT}\n\n- a NnugSzTj\n`, "a hyphen in place of the dash"],
    [`a\n1\n${ROOT}\n\n\u2014 a+b NnugSzTj\n`, "a plus sign in a name"],
    [`a\n1\n${ROOT}\n\n\u2014 a NnugSw==\n`, "a key without a signature"],
    [`a\n1\n${ROOT}\n\n${`${SIGNATURE}\n`.repeat(17)}`, "too many signatures"],
  ])("%j (%s)", (note) => {
    expect(readCheckpoint(note)).toBeNull()
  })

  test("16 signatures are few enough", () => {
    expect(readCheckpoint(`a\n1\n${ROOT}\n\n${`${SIGNATURE}\n`.repeat(16)}`)?.signatures).toHaveLength(16)
  })
})

describe("a proof", () => {
  const entry = entryHash(concatBytes(Uint8Array.of(1)))
  const PROOF = { index: 5, path: [entry, nodeHash(entry, entry)], note: "a note\n\nsigned\n" }

  test("is read as it was written, with or without a path", () => {
    for (const path of [PROOF.path, []]) expect(readProof(proofText({ ...PROOF, path }))).toEqual({ ...PROOF, path })
  })

  test("is read without its extra data", () => {
    expect(readProof(proofText(PROOF).replace("\nindex", "\nextra YQ==\nindex"))).toEqual(PROOF)
  })

  test.each([
    ["another version", (text: string) => text.replace("@v1", "@v2")],
    ["no index", (text: string) => text.replace("index 5\n", "")],
    ["a negative index", (text: string) => text.replace("index 5", "index -5")],
    ["a short hash", (text: string) => text.replace(/=\n/, "\n")],
    ["no note", (text: string) => text.slice(0, text.indexOf("\n\n"))],
    ["too many hashes", (text: string) => text.replace(/\n[\w+/]{43}=\n/, (hash) => hash.trimEnd().repeat(54) + "\n")],
  ])("with %s is none", (_what, change) => {
    expect(readProof(change(proofText(PROOF)))).toBeNull()
  })
})
