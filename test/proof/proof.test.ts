/**
 * Our trees and notes, checked by code of others: Go's transparency-dev/merkle checks roots, inclusion and consistency of random
 * trees, and golang.org/x/mod/sumdb/note our signed checkpoints.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { bytesToBase64 } from "../../src/core/encoding/base64.ts"
import { checkpointText, noteKeyId, noteOf } from "../../src/core/proof/checkpoint.ts"
import { grown, EMPTY_TREE, frontierOf, rootOfGrowth } from "../../src/core/proof/growing-tree.ts"
import { consistencyPath, entryHash, inclusionPath, nodeHash, rootOf, type Hash } from "../../src/core/proof/merkle.ts"

const VERSIONS = ["github.com/transparency-dev/merkle@v0.0.2", "golang.org/x/mod@v0.43.0"]
const BUILD_MS = 300_000
const go = ((): string | null => {
  try {
    return execFileSync("go", ["version"], { encoding: "utf8" })
  } catch {
    if (process.env["GO_REQUIRED"] === "yes") throw new Error("there is no Go")
    return null
  }
})()

let folder = ""
beforeAll(() => {
  if (go === null) return console.log("no Go: the oracle of proofs does not run")
  folder = mkdtempSync(join(tmpdir(), "narrowgate-proof-"))
  cpSync(join(import.meta.dirname, "main.go"), join(folder, "main.go"))
  for (const step of [
    ["mod", "init", "narrowgate.test/proof"],
    ["get", ...VERSIONS],
    ["build", "-o", "oracle", "."],
  ]) {
    execFileSync("go", step, { cwd: folder, stdio: "pipe" })
  }
}, BUILD_MS)
afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true })
})

const base64 = (hashes: readonly Hash[]): readonly string[] => hashes.map((hash) => bytesToBase64(hash))

interface Cases {
  readonly Inclusions: object[]
  readonly Consistencies: object[]
  readonly Notes: object[]
}

function verdictOn(cases: Cases): { readonly output: string; readonly isSound: boolean } {
  try {
    const output = execFileSync(join(folder, "oracle"), { input: JSON.stringify(cases), encoding: "utf8" })
    return { output, isSound: true }
  } catch (error) {
    return { output: String(Reflect.get(Object(error), "stdout")), isSound: false }
  }
}

/** Of random entries, with proofs from and to random places. */
async function cases(trees: number): Promise<Cases> {
  const made: Cases = { Inclusions: [], Consistencies: [], Notes: [] }
  const keys = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])
  if (!("privateKey" in keys)) throw new Error("no pair")
  const exported = await crypto.subtle.exportKey("raw", keys.publicKey)
  if (!(exported instanceof ArrayBuffer)) throw new Error("no bytes")
  const raw = new Uint8Array(exported)
  for (let count = 0; count < trees; count++) {
    const size = 1 + Math.floor(Math.random() * 2 ** (1 + Math.floor(Math.random() * 10)))
    const entries = Array.from({ length: size }, () =>
      crypto.getRandomValues(new Uint8Array(Math.floor(Math.random() * 40))),
    )
    const leaves = entries.map((entry) => entryHash(entry))
    const nodeAt = (level: number, index: number): Hash =>
      level === 0
        ? (leaves[index] ?? new Uint8Array())
        : nodeHash(nodeAt(level - 1, index * 2), nodeAt(level - 1, index * 2 + 1))
    const root = rootOf(size, nodeAt)
    const tree = grown(EMPTY_TREE, leaves)
    expect(rootOfGrowth(tree)).toEqual(root)
    const index = Math.floor(Math.random() * size)
    expect(rootOfGrowth(grown({ size: index, frontier: frontierOf(index, nodeAt) }, leaves.slice(index)))).toEqual(root)
    const before = 1 + Math.floor(Math.random() * size)
    made.Inclusions.push({
      Index: index,
      Size: size,
      Entry: bytesToBase64(entries[index] ?? new Uint8Array()),
      Root: bytesToBase64(root),
      Path: base64(inclusionPath(index, size, nodeAt)),
    })
    made.Consistencies.push({
      Before: before,
      Size: size,
      Root: bytesToBase64(rootOf(before, nodeAt)),
      Now: bytesToBase64(root),
      Path: base64(consistencyPath(before, size, nodeAt)),
    })
    const origin = `authz.example/logs/records-${count}`
    const text = checkpointText({ origin, size, root })
    const signature = new Uint8Array(
      await crypto.subtle.sign("Ed25519", keys.privateKey, new TextEncoder().encode(text)),
    )
    const keyId = noteKeyId(origin, raw)
    const verifier = `${origin}+${keyId.reduce((hex, byte) => hex + byte.toString(16).padStart(2, "0"), "")}+${bytesToBase64(Uint8Array.of(1, ...raw))}`
    made.Notes.push({ Verifier: verifier, Note: noteOf(text, [{ name: origin, keyId, signature }]), Text: text })
  }
  return made
}

test.skipIf(go === null)("Go accepts 2,000 proofs and notes of ours", async () => {
  const { output, isSound } = verdictOn(await cases(2_000))
  expect(output).toBe("2000 inclusions, 2000 consistencies, 2000 notes, 0 failed\n")
  expect(isSound).toBe(true)
})

test.skipIf(go === null)("and notices one that is wrong", async () => {
  const made = await cases(3)
  made.Inclusions[0] = { ...made.Inclusions[0], Entry: bytesToBase64(new Uint8Array(41)) }
  made.Notes[1] = { ...made.Notes[1], Text: "another" }
  expect(verdictOn(made)).toMatchObject({ isSound: false, output: expect.stringMatching(/2 failed\n$/) })
})
