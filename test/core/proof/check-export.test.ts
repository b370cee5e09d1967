/** Attacks on exported records, as data: each is named for what it is, and nothing else is reported. */
import { expect, test } from "vitest"
import { base64ToBytes, bytesToBase64 } from "../../../src/core/encoding/base64.ts"
import { bytesToBase64url } from "../../../src/core/encoding/base64url.ts"
import { checkpointText, noteKeyId, noteOf, originOf } from "../../../src/core/proof/checkpoint.ts"
import { checkExports, type CheckedExport } from "../../../src/core/proof/check-export.ts"
import type { Flaw } from "../../../src/core/proof/findings.ts"
import { EXPORT_VERSION } from "../../../src/core/proof/export-lines.ts"
import { EMPTY_TREE, grown, rootOfGrowth } from "../../../src/core/proof/growing-tree.ts"
import { headOf, leafOf } from "../../../src/core/proof/leaf.ts"

const ISSUER = "https://authz.example"
const encoder = new TextEncoder()

interface Keys {
  readonly pair: CryptoKeyPair
  readonly raw: Uint8Array
}
async function newKeys(): Promise<Keys> {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])
  if (!("privateKey" in pair)) throw new Error("no pair")
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey)
  if (!(raw instanceof ArrayBuffer)) throw new Error("no bytes")
  return { pair, raw: new Uint8Array(raw) }
}

const own = await newKeys()
const others = await newKeys()

interface Made {
  readonly log?: string
  readonly issuer?: string
  readonly keys?: Keys
  readonly erased?: number
  /** Differs from others of the same log. */
  readonly seed?: string
}

const saltOf = (index: number): string => bytesToBase64url(new Uint8Array(18).fill(index + 1))

/** 20 records, with checkpoints after 8 and 20. */
async function section({ log = "records-0", issuer = ISSUER, keys = own, erased = -1, seed = "" }: Made = {}): Promise<
  readonly string[]
> {
  const lines = [JSON.stringify({ header: { version: EXPORT_VERSION, issuer, log, from: 0, frontier: [] } })]
  let tree = EMPTY_TREE
  for (let index = 0; index < 20; index++) {
    const id = `dec_${log}${seed}${index}`
    const record = {
      id,
      at: index,
      code: "ok",
      user: "https://id.example|alice",
      arguments: { "10": 1, "9": "\ud800" },
    }
    const salt = saltOf(index)
    const head = headOf(record, salt)
    const leaf = leafOf(head)
    tree = grown(tree, [leaf])
    const place = { log, index, leaf: bytesToBase64(leaf) }
    lines.push(JSON.stringify(index === erased ? { ...head, ...place } : { ...record, ...place, salt }))
    if (index !== 7 && index !== 19) continue
    const origin = originOf(issuer, log)
    const text = checkpointText({ origin, size: tree.size, root: rootOfGrowth(tree) })
    const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", keys.pair.privateKey, encoder.encode(text)))
    const note = noteOf(text, [{ name: origin, keyId: noteKeyId(origin, keys.raw), signature }])
    const frontier = tree.frontier.map(bytesToBase64)
    lines.push(JSON.stringify({ checkpoint: { log, size: tree.size, note, frontier } }))
  }
  return [...lines, JSON.stringify({ footer: { log, next: 20 } })]
}

async function checked(...files: readonly (readonly string[])[]): Promise<CheckedExport> {
  const sources = files.map((lines, at) => ({
    name: `${at}.ndjson`,
    async *lines() {
      yield lines
    },
  }))
  return checkExports(sources, ISSUER, async ({ checkpoint, text, signatures }) => {
    const [signature] = signatures
    if (!signature || signature.keyId.join() !== noteKeyId(checkpoint.origin, own.raw).join()) return false
    return crypto.subtle.verify("Ed25519", own.pair.publicKey, signature.signature, encoder.encode(text))
  })
}

async function flawsOf(...files: readonly (readonly string[])[]): Promise<readonly (readonly [Flaw, string])[]> {
  const { findings } = await checked(...files)
  return findings.map(({ flaw, what }) => [flaw, what])
}

const sound = await section()
const second = await section({ log: "records-1" })
/** The line of a record: the header and one checkpoint come before. */
const lineOf = (index: number): number => index + (index < 8 ? 1 : 2)
const edited = (index: number, edit: (line: string) => string): readonly string[] =>
  sound.with(lineOf(index), edit(sound[lineOf(index)] ?? ""))
const record = (line: string): Record<string, unknown> => JSON.parse(line)
const rehashed = (index: number): readonly string[] =>
  edited(index, (line) => {
    const { log: _log, index: _index, leaf: _leaf, salt: _salt, ...members } = record(line)
    const changed = { ...members, code: "policy_denied" }
    const salt = saltOf(index)
    return JSON.stringify({ ...record(line), ...changed, leaf: bytesToBase64(leafOf(headOf(changed, salt))) })
  })

const erased = await section({ erased: 5 })

test("whole exports are sound: one log, two, one whose person is erased, one of two files", async () => {
  expect(await flawsOf(sound)).toEqual([])
  expect(await flawsOf([...sound, ...second])).toEqual([])
  expect(await flawsOf(sound, second)).toEqual([])
  expect(await flawsOf(erased)).toEqual([])
  expect(await flawsOf(sound.map((line) => line.replaceAll('","', '", "')))).toEqual([])
})

const contradicting = (await section({ seed: "x" })).filter((line) => line.startsWith('{"checkpoint"'))
const foreignKey = await section({ keys: others })
const foreignIssuer = await section({ issuer: "https://other.example", keys: others })

const ATTACKS: readonly (readonly [string, readonly string[], readonly (readonly [Flaw, RegExp])[]])[] = [
  [
    "one bit of a record",
    edited(3, (line) => line.replace('"ok"', '"oj"')),
    [["changed", /^record dec_records-03 at 3/]],
  ],
  [
    "a person's name",
    edited(12, (line) => line.replace("alice", "bob")),
    [["changed", /^record dec_records-012 at 12/]],
  ],
  ["an argument", edited(12, (line) => line.replace('"10":1', '"10":2')), [["changed", /at 12 of/]]],
  ["a salt", edited(4, (line) => line.replace('"salt":"', '"salt":"x')), [["changed", /at 4 of/]]],
  [
    "a member that is added",
    edited(4, (line) => line.replace("{", '{"__proto__":{"code":"x"},')),
    [["changed", /at 4 of/]],
  ],
  [
    "a commitment that is added",
    edited(4, (line) => line.replace("{", '{"commitment":"x",')),
    [["changed", /at 4 of/]],
  ],
  [
    "a person put in the place of one that was erased",
    erased.with(lineOf(5), (erased[lineOf(5)] ?? "").replace("{", '{"user":"https://id.example|mallory",')),
    [["changed", /at 5 of/]],
  ],
  [
    "a commitment in another form",
    erased.with(lineOf(5), (erased[lineOf(5)] ?? "").replace(/"commitment":("[^"]+")/, '"commitment":[$1]')),
    [["changed", /at 5 of/]],
  ],
  [
    "a member twice, of which readers take the first or the last",
    edited(12, (line) => line.replace("{", '{"code":"policy_denied",')),
    [["changed", /at 12 of/]],
  ],
  [
    "an argument's member twice",
    edited(12, (line) => line.replace('"arguments":{', '"arguments":{"10":7,')),
    [["changed", /at 12 of/]],
  ],
  [
    "a number that readers round, or do not",
    edited(12, (line) => line.replace('"10":1', '"10":1.00000000000000000001')),
    [["changed", /at 12 of/]],
  ],
  ["a record and its hash", rehashed(12), [["rewritten", /records 8 to 19 of records-0/]]],
  [
    "a person's fields left out",
    edited(6, (line) => line.replace('"user":"https://id.example|alice",', "")),
    [["changed", /at 6 of/]],
  ],
  ["a removed line", sound.toSpliced(lineOf(9), 1), [["removed", /^record 9 of records-0/]]],
  ["two removed lines", sound.toSpliced(lineOf(9), 2), [["removed", /^records 9 to 10 of records-0/]]],
  [
    "two swapped lines",
    sound.with(lineOf(10), sound[lineOf(11)] ?? "").with(lineOf(11), sound[lineOf(10)] ?? ""),
    [["reordered", /dec_records-010 at 10 of records-0 is behind .*dec_records-011 at 11/]],
  ],
  ["a doubled line", sound.toSpliced(lineOf(9), 0, sound[lineOf(9)] ?? ""), [["doubled", /at 9 of/]]],
  [
    "two records that change places",
    sound
      .with(lineOf(10), JSON.stringify({ ...record(sound[lineOf(11)] ?? ""), index: 10 }))
      .with(lineOf(11), JSON.stringify({ ...record(sound[lineOf(10)] ?? ""), index: 11 })),
    [["rewritten", /records 8 to 19/]],
  ],
  ["the tail cut", sound.slice(0, 15), [["cut", /the section of records-0 has no end/]]],
  [
    "the tail cut, with an end",
    [...sound.slice(0, lineOf(15)), JSON.stringify({ footer: { log: "records-0", next: 15 } })],
    [["appended", /records 8 to 14 of records-0 are in no checkpoint/]],
  ],
  [
    "the tail cut, with a false end and its checkpoint",
    [...sound.slice(0, lineOf(15)), ...sound.slice(-2, -1), JSON.stringify({ footer: { log: "records-0", next: 15 } })],
    [
      ["appended", /records 8 to 14/],
      ["cut", /records 15 to 19 of records-0: a checkpoint covers them/],
    ],
  ],
  [
    "a record behind the end",
    [...sound, JSON.stringify({ ...record(sound[lineOf(19)] ?? ""), index: 20 })],
    [["appended", /at 20 of records-0 is behind the end/]],
  ],
  [
    "a record before the end",
    sound.toSpliced(-1, 0, JSON.stringify({ ...record(sound[lineOf(19)] ?? ""), index: 20 })),
    [["appended", /records 20 to 20 of records-0 were added/]],
  ],
  ["two logs mixed", sound.toSpliced(4, 0, second[2] ?? ""), [["mixed", /dec_records-11 at 1 of records-1 is among/]]],
  [
    "a checkpoint of another deployment",
    sound.with(9, foreignIssuer[9] ?? ""),
    [["foreign", /of other\.example\/logs\/records-0/]],
  ],
  ["a checkpoint of another key", sound.with(9, foreignKey[9] ?? ""), [["unsigned", /records-0 at 8/]]],
  [
    "a checkpoint that contradicts another",
    sound.toSpliced(-1, 0, ...contradicting.slice(1)),
    [["contradicting", /records-0 at 20/]],
  ],
  [
    "a record that nests deeper than any reader recurses",
    edited(3, (line) => line.replace("{", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)},`)),
    [
      ["malformed", /no line/],
      ["removed", /^record 3 of records-0/],
    ],
  ],
  [
    "a checkpoint of a time that does not exist",
    sound.toSpliced(9, 1, (sound[9] ?? "").replace('"size":8', '"size":8,"at":1e20')),
    [["malformed", /no line/]],
  ],
  [
    "a record behind one that is missing, if no checkpoint says the tree",
    edited(12, (line) => line.replace('"ok"', '"oj"'))
      .map((line) => line.replace(/,"frontier":\[[^\]]+\]/, ""))
      .toSpliced(lineOf(9), 1),
    [
      ["removed", /^record 9 of records-0/],
      ["changed", /at 12 of/],
    ],
  ],
  ["a line that is none", sound.toSpliced(5, 0, "{"), [["malformed", /no line/]]],
]

test.each(ATTACKS)("%s is named", async (_name, lines, expected) => {
  const found = await flawsOf(lines)
  expect(found).toEqual(expected.map(([flaw, what]) => [flaw, expect.stringMatching(what)]))
})

/** A section of the sound export, as one that was exported by itself. */
function part(from: number, next: number): readonly string[] {
  const lines = sound.slice(1, -1).filter((line) => {
    const { index, checkpoint } = JSON.parse(line)
    const place = checkpoint ? checkpoint.size - 1 : index
    return place >= from && place < next
  })
  const leaves = Array.from({ length: from }, (_, index) =>
    base64ToBytes(String(record(sound[lineOf(index)] ?? "")["leaf"])),
  )
  const { frontier } = grown(
    EMPTY_TREE,
    leaves.flatMap((leaf) => leaf ?? []),
  )
  const place = { issuer: ISSUER, log: "records-0", from, frontier: frontier.map((hash) => bytesToBase64(hash)) }
  const header = JSON.stringify({ header: { version: EXPORT_VERSION, ...place } })
  return [header, ...lines, JSON.stringify({ footer: { log: "records-0", next } })]
}

test("an older export beside a newer one is sound, and so is one that goes on where the other ended", async () => {
  expect(await flawsOf(part(0, 8), sound)).toEqual([])
  expect(await flawsOf(part(0, 8), part(8, 20))).toEqual([])
  expect(await flawsOf(part(8, 20), part(0, 8))).toEqual([])
  expect(await flawsOf(part(5, 20))).toEqual([])
})

test("records between two sections that are not there are named", async () => {
  const removed = [["removed", expect.stringMatching(/^records 8 to 11 of records-0: missing/)]]
  expect(await flawsOf([...part(0, 8), ...part(12, 20)])).toEqual(removed)
  expect(await flawsOf(part(0, 8), part(12, 20))).toEqual(removed)
  expect(
    await flawsOf(
      part(0, 8),
      sound.filter((line) => line.startsWith('{"checkpoint"')),
    ),
  ).toEqual([["cut", expect.stringMatching(/^records 8 to 19 of records-0: a checkpoint covers them/)]])
})

test("the records of another deployment are named", async () => {
  const found = await flawsOf(foreignIssuer)
  expect(found.map(([flaw]) => flaw)).toEqual(["foreign", "foreign", "foreign", "appended"])
})

/** As it was exported when the log had eight records. */
const older = [...sound.slice(0, 10), JSON.stringify({ footer: { log: "records-0", next: 8 } })]

/** What an export from a position on has. */
function from(position: number): readonly string[] {
  const leaves = sound.slice(1).flatMap((line) => {
    const { leaf } = record(line)
    return typeof leaf === "string" ? [base64ToBytes(leaf) ?? new Uint8Array()] : []
  })
  const frontier = grown(EMPTY_TREE, leaves.slice(0, position)).frontier.map(bytesToBase64)
  const header = { version: EXPORT_VERSION, issuer: ISSUER, log: "records-0", from: position, frontier }
  return [JSON.stringify({ header }), ...sound.slice(lineOf(position))]
}

test("the files of one log are one log: an older export and a newer one, and parts that follow or overlap", async () => {
  for (const files of [
    [older, sound],
    [sound, older],
    [older, from(8)],
    [from(5), older],
    [sound, sound],
  ]) {
    expect(await checked(...files)).toMatchObject({
      findings: [],
      records: 20,
      proven: 20,
      logs: [{ log: "records-0", from: 0, next: 20, checkpoint: { size: 20 } }],
    })
  }
})

test("what no file of a log has is named, and so is what only one of two has changed", async () => {
  expect(await flawsOf(older, from(11))).toEqual([
    ["removed", "records 8 to 10 of records-0: missing, and others follow"],
  ])
  expect(await flawsOf(older, sound.slice(-2, -1))).toEqual([
    ["cut", "records 8 to 19 of records-0: a checkpoint covers them"],
  ])
  const changed = older.with(4, (older[4] ?? "").replace('"ok"', '"oj"'))
  expect(await checked(sound, changed)).toMatchObject({
    findings: [{ flaw: "changed", what: expect.stringContaining("at 3 of") }],
    proven: 20,
  })
  expect(await flawsOf(rehashed(3), from(8))).toEqual([["rewritten", expect.stringContaining("records 0 to 7")]])
})

test("a log of which only checkpoints are there is named", async () => {
  const kept = second.filter((line) => line.startsWith('{"checkpoint"'))
  expect(await flawsOf(sound, kept)).toEqual([["cut", expect.stringMatching(/^records 0 to 19 of records-1: /)]])
})

/** Files as a sink writes them: lines without header and footer, and checkpoints that say their tree. */
async function sinkFiles(made: Made = {}): Promise<readonly (readonly string[])[]> {
  const [, ...lines] = await section(made)
  const all = lines.slice(0, -1)
  // A checkpoint follows the records of its file.
  return [all.slice(0, 5), all.slice(5, 12), all.slice(12)]
}
const written = await sinkFiles()

test("what a sink has written is proven, file after file; several logs are kept apart", async () => {
  expect(await checked(...written)).toMatchObject({ findings: [], proven: 20, unproven: [] })
  const other = await sinkFiles({ log: "records-1" })
  expect(await checked(...written, ...other)).toMatchObject({ findings: [], proven: 40, unproven: [] })
  expect(await checked(sound, ...other)).toMatchObject({ findings: [], proven: 40, unproven: [] })
})

test("what a sink has not got, and what no checkpoint covers yet, leaves records unproven, which are named", async () => {
  const [, ...later] = written
  expect(await checked(...later)).toMatchObject({
    findings: [],
    proven: 12,
    unproven: [{ log: "records-0", from: 5, to: 8, why: expect.stringContaining("before") }],
  })
  const [first = [], second = []] = written
  expect(await checked(first, second)).toMatchObject({
    findings: [],
    proven: 8,
    unproven: [{ log: "records-0", from: 8, to: 11, why: expect.stringContaining("no checkpoint") }],
  })
})

test.each<readonly [string, readonly (readonly string[])[], readonly (readonly [Flaw, RegExp])[]]>([
  [
    "a bit that no checkpoint covers",
    [written[0] ?? [], (written[1] ?? []).map((line) => line.replace('"at":10', '"at":11'))],
    [["changed", /at 10 of records-0/]],
  ],
  [
    "a bit before the first tree that is known",
    [(written[1] ?? []).map((line) => line.replace('"at":6', '"at":7')), written[2] ?? []],
    [["changed", /at 6 of records-0/]],
  ],
  ["a file that is missing", [written[0] ?? [], written[2] ?? []], [["removed", /records 5 to 10/]]],
  ["the last records", [written[0] ?? [], written[1] ?? [], (written[2] ?? []).slice(-1)], [["cut", /11 to 19/]]],
  ["another log in a file", [written[0] ?? [], [...(written[1] ?? []), second[1] ?? ""]], [["mixed", /records-1/]]],
  [
    "another tree than that of the checkpoint",
    [
      written[0] ?? [],
      (written[1] ?? []).map((line) => line.replace(/"frontier":\["../, '"frontier":["AA')),
      written[2] ?? [],
    ],
    [["malformed", /records-0 at 8 has another frontier/]],
  ],
])("of what a sink has written, %s is named", async (_name, files, expected) => {
  const { findings } = await checked(...files)
  expect(findings.map(({ flaw, what }) => [flaw, what])).toEqual(
    expected.map(([flaw, what]) => [flaw, expect.stringMatching(what)]),
  )
})
