/** Attacks on exported records, as data: each is named for what it is, and nothing else is reported. */
import { expect, test } from "vitest"
import { base64ToBytes, bytesToBase64 } from "../../../src/core/encoding/base64.ts"
import { bytesOfBase64url, bytesToBase64url } from "../../../src/core/encoding/base64url.ts"
import { checkpointText, noteKeyId, noteOf, originOf, type NoteSignature } from "../../../src/core/proof/checkpoint.ts"
import { checkExports, type CheckedExport, type Trust } from "../../../src/core/proof/check-export.ts"
import type { Flaw } from "../../../src/core/proof/findings.ts"
import { EXPORT_VERSION, logsLine } from "../../../src/core/proof/export-lines.ts"
import { LINK_NAME, linkText } from "../../../src/core/proof/key-chain.ts"
import { statementName, statementText, type StatedLog } from "../../../src/core/proof/log-statement.ts"
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

/** A line that states these logs, with links of keys. */
async function stated(
  logs: readonly StatedLog[],
  keys: readonly string[],
  signer: Keys,
  issuer = ISSUER,
): Promise<string> {
  const [name, text] = [statementName(issuer), statementText(issuer, logs)]
  return logsLine({ note: noteOf(text, [await signatureOf(signer, name, text)]), keys }).trimEnd()
}

async function signatureOf({ pair, raw }: Keys, name: string, text: string): Promise<NoteSignature> {
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, encoder.encode(text)))
  return { name, keyId: noteKeyId(name, raw), signature }
}

const xOf = ({ raw }: Keys): string => bytesToBase64url(raw)

/** @param signers the key itself and the one before, unless an attacker makes it */
async function link(
  key: Keys,
  before: Keys | null,
  signers: readonly Keys[] = before ? [key, before] : [key],
): Promise<string> {
  const text = linkText({ key: xOf(key), before: before && xOf(before) })
  return noteOf(text, await Promise.all(signers.map(async (signer) => signatureOf(signer, LINK_NAME, text))))
}

const verify: Trust["verify"] = async (key, text, signature) => {
  const raw = await crypto.subtle.importKey("raw", bytesOfBase64url(key), "Ed25519", false, ["verify"])
  return crypto.subtle.verify("Ed25519", raw, signature, encoder.encode(text))
}

async function trusted(trust: Partial<Trust>, ...files: readonly (readonly string[])[]): Promise<CheckedExport> {
  const sources = files.map((lines, at) => ({
    name: `${at}.ndjson`,
    async *lines() {
      yield lines
    },
  }))
  return checkExports(sources, { issuer: ISSUER, pinned: [xOf(own)], verify, only: null, ...trust })
}

/** A statement of no log is beside them. */
async function checked(...files: readonly (readonly string[])[]): Promise<CheckedExport> {
  return trusted({}, ...files, [await stated([], [], own)])
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
  expect(await flawsOf([...sound, ""])).toEqual([])
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
  ["an empty line", sound.toSpliced(5, 0, ""), [["malformed", /empty/]]],
  ["an empty line at the end", [...sound, "", ""], [["malformed", /empty/]]],
  ["a line of a carriage return", sound.toSpliced(5, 0, "\r"), [["malformed", /no line/]]],
  [
    "a carriage return, where some readers end the line",
    edited(3, (line) => line.replace(",", ",\r")),
    [["changed", /at 3 of/]],
  ],
  ["lines that end as on Windows", edited(3, (line) => `${line}\r`), [["changed", /at 3 of/]]],
  ["a space", edited(3, (line) => line.replace(",", ", ")), [["changed", /at 3 of/]]],
  ["a letter that is escaped", edited(3, (line) => line.replace('"ok"', '"\\u006fk"')), [["changed", /at 3 of/]]],
  [
    "a byte order mark",
    sound.with(0, `\uFEFF${sound[0]}`),
    [
      ["malformed", /no line/],
      ["mixed", /^the end of records-0/],
    ],
  ],
  [
    "a checkpoint in another form",
    sound.toSpliced(9, 1, (sound[9] ?? "").replace(",", ", ")),
    [["malformed", /no line/]],
  ],
  [
    "a member that a checkpoint has not",
    sound.toSpliced(9, 1, (sound[9] ?? "").replace('{"log"', '{"logs":1,"log"')),
    [["malformed", /no line/]],
  ],
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
  expect(await flawsOf(sound, kept)).toEqual([["missing", "records-1 is in no file, and 20 records of it are signed"]])
})

/** What a statement says of a whole section. */
function statedOf(lines: readonly string[], log: string): StatedLog {
  const found = lines.flatMap((line) => {
    const { leaf } = record(line)
    return typeof leaf === "string" ? [base64ToBytes(leaf) ?? new Uint8Array()] : []
  })
  return { log, size: found.length, root: rootOfGrowth(grown(EMPTY_TREE, found)), until: 1_000 }
}
const both = [statedOf(sound, "records-0"), statedOf(second, "records-1")]
const flaws = async (trust: Partial<Trust>, ...files: readonly (readonly string[])[]): Promise<readonly string[]> =>
  (await trusted(trust, ...files)).findings.map(({ flaw, what }) => `${flaw}: ${what}`)

test("an export is proven by one pinned key alone; a whole log that is missing, or whose end is cut with its checkpoint, is named", async () => {
  const first = await stated(both, [], own)
  expect(await trusted({ issuer: null }, [first, ...sound, ...second])).toMatchObject({
    findings: [],
    proven: 40,
    keys: [xOf(own)],
    logs: [
      { log: "records-0", until: 1_000 },
      { log: "records-1", until: 1_000 },
    ],
  })
  expect(await flaws({}, [first, ...sound])).toEqual([
    "missing: records-1 is in no file, and 20 records of it are signed",
  ])
  expect(await flaws({ only: ["records-0"] }, [first, ...sound])).toEqual([])
  expect(await flaws({}, [first, ...older, ...second])).toEqual([
    "cut: records 8 to 19 of records-0: a checkpoint covers them",
  ])
})

test("a statement that is missing, changed, of another key or of another deployment is named", async () => {
  const first = await stated(both, [], own)
  expect(await flaws({}, [...sound, ...second])).toEqual([expect.stringMatching(/^unstated: /)])
  const fewer = first.replace("records-0 20", "records-0 19")
  expect(await flaws({}, [fewer, ...sound, ...second])).toEqual([
    expect.stringMatching(/^unsigned: /),
    expect.stringMatching(/^unstated: /),
  ])
  expect(await flaws({}, [await stated(both, [], others), ...sound, ...second])).toEqual([
    expect.stringMatching(/^unsigned: /),
    expect.stringMatching(/^unstated: /),
  ])
  expect(await flaws({}, [await stated(both, [], own, "https://other.example"), ...sound, ...second])).toEqual([
    expect.stringMatching(/^foreign: /),
    expect.stringMatching(/^unstated: /),
  ])
  const [one, two] = both
  if (!one || !two) throw new Error("two were stated")
  expect(await flaws({}, [await stated([{ ...one, root: two.root }, two], [], own), ...sound, ...second])).toEqual(
    expect.arrayContaining([expect.stringMatching(/^contradicting: /)]),
  )
})

test("keys in a file are believed if they are linked with a pinned one, both ways; what a retired key states is not", async () => {
  const [newer, mallory] = [await newKeys(), await newKeys()]
  const keys = [await link(newer, own), await link(own, null)]
  const file = [await stated(both, keys, newer), ...sound, ...second]
  for (const pin of [own, newer]) expect(await flaws({ pinned: [xOf(pin)] }, file)).toEqual([])
  // Without a key that is known from elsewhere, the file agrees with itself.
  expect(await flaws({ pinned: [] }, file)).toEqual([expect.stringMatching(/^unpinned: /)])
  // Whole, and signed anew by somebody else, who says that the pinned key has made theirs.
  const forgery = [...(await section({ keys: mallory })), ...(await section({ log: "records-1", keys: mallory }))]
  for (const signers of [[mallory], [mallory, mallory]]) {
    const forged = [await link(mallory, own, signers), await link(own, null)]
    const found = await flaws({}, [await stated(both, forged, mallory), ...forgery])
    expect(found).toEqual(
      expect.arrayContaining([expect.stringMatching(/^unsigned: /), expect.stringMatching(/^unstated: /)]),
    )
  }
  // The key before the pinned one was stolen when it had been retired.
  const stolen = await flaws({ pinned: [xOf(newer)] }, [await stated(both, keys, own), ...sound, ...second])
  expect(stolen).toEqual([expect.stringMatching(/^unstated: /)])
})

test("a history that another one goes on from is named where they meet", async () => {
  const other = await section({ seed: "x" })
  const leaves = other.slice(1).flatMap((line) => {
    const { leaf } = record(line)
    return typeof leaf === "string" ? [base64ToBytes(leaf) ?? new Uint8Array()] : []
  })
  const frontier = grown(EMPTY_TREE, leaves.slice(0, 8)).frontier.map(bytesToBase64)
  const header = { version: EXPORT_VERSION, issuer: ISSUER, log: "records-0", from: 8, frontier }
  const rest = [JSON.stringify({ header }), ...other.slice(lineOf(8))]
  expect(await flawsOf(older, rest)).toEqual([
    ["contradicting", "the tree of records-0 at 8 is another than the one that was signed"],
  ])
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
