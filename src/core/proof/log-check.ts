/** Follows the records of each log, section after section, and compares its tree with the signed roots. */
import { base64ToBytes, bytesToBase64 } from "../encoding/base64.ts"
import type { HashText } from "../encoding/hash.ts"
import { PERSONAL } from "../record/fields.ts"
import { Coverage } from "./coverage.ts"
import { storedMembers, type ExportLine, type FooterLine, type HeaderLine, type RecordLine } from "./exported.ts"
import type { CheckedLog, Report, Unproven } from "./findings.ts"
import { EMPTY_TREE, grown, rootOfGrowth, type TreeGrowth } from "./growing-tree.ts"
import { leafOfRecord } from "./leaf.ts"
import { isSame, type Hash } from "./merkle.ts"
import { treeOf, type KnownCheckpoint, type SignedCheckpoints } from "./signed-checkpoints.ts"

type RecordOfLine = Extract<ExportLine, { readonly kind: "record" }>

interface Placed extends Omit<RecordOfLine, "kind"> {
  readonly file: string
  readonly line: number
  readonly what: string
}

/** So many may have come too early before what they lack counts as removed. */
const MOST_EARLY = 1_000

const NOTHING_BEFORE = "what comes before them is not in the files"

interface Suspect {
  readonly file: string
  readonly line: number
  readonly what: string
}

export class LogCheck {
  readonly #issuer: string
  readonly #checkpoints: SignedCheckpoints
  readonly #report: Report
  readonly #hash: HashText
  #log: string | null = null
  #tree: TreeGrowth = EMPTY_TREE
  /** Position up to which a checkpoint has confirmed the tree. */
  #confirmed = 0
  /** Records of the section that do not have the hash of their line: changed, once the hashes are confirmed. */
  #suspects: Suspect[] = []
  /** Nothing can be confirmed until a checkpoint says its tree: what came before, or something between, is missing. */
  #isBroken = false
  /** A sink has written it, in files that have neither header nor footer, each the continuation of the one before. */
  #isOfSink = false
  /** Of this file no record has been read yet, and no header. */
  #isAtStart = true
  /** The line of the last record. */
  #last = { file: "", line: 0 }
  /** Where the section begins. */
  #from = 0
  /** An earlier section is of the same log, and may have the same records. */
  #isContinued = false
  /** What the sections before this one have. */
  readonly #covered = new Coverage()
  readonly #proven = new Coverage()
  readonly #unproven: Unproven[] = []
  /** Records that came before one that they follow, by position. */
  readonly #early = new Map<number, Placed>()
  records = 0
  proven = 0

  constructor(issuer: string, checkpoints: SignedCheckpoints, report: Report, hash: HashText) {
    this.#issuer = issuer
    this.#checkpoints = checkpoints
    this.#report = report
    this.#hash = hash
  }

  /** A file begins. */
  open(): void {
    this.#isAtStart = true
  }

  begin({ issuer, log, from, frontier }: HeaderLine, file: string, line: number): void {
    this.close()
    this.#isAtStart = false
    this.#breakOff(file, line)
    if (issuer !== this.#issuer) this.#report("foreign", file, line, `the records of ${log} are of ${issuer}`)
    const tree = treeOf(from, frontier)
    const known = this.#checkpoints.at(log, from)
    if (known && !isSame(known.root, rootOfGrowth(tree))) {
      this.#report("contradicting", file, line, `the tree of ${log} at ${from} is another than the one that was signed`)
    }
    this.#start(log, tree)
  }

  #start(log: string, tree: TreeGrowth): void {
    this.#log = log
    this.#tree = tree
    this.#from = tree.size
    this.#isContinued = this.#covered.has(log)
    this.#confirmed = tree.size
    this.#suspects = []
    this.#isBroken = false
    this.#early.clear()
  }

  /** The first record of a file without a header. */
  #continue({ log, index }: RecordLine): void {
    if (this.#isOfSink && this.#log === log) return
    this.close()
    if (this.#log !== null) return
    this.#start(log, { size: index, frontier: [] })
    this.#isOfSink = true
    this.#isBroken = index > 0
  }

  record({ record, isCanonical }: RecordOfLine, file: string, line: number): void {
    const { id, index, log } = record
    const what = `record ${id} at ${index} of ${log}`
    if (this.#isAtStart) this.#continue(record)
    this.#isAtStart = false
    this.#last = { file, line }
    if (this.#log === null) return this.#report("appended", file, line, `${what} is behind the end`)
    if (log !== this.#log) return this.#report("mixed", file, line, `${what} is among those of ${this.#log}`)
    this.records += this.#isContinued ? this.#covered.missingIn(log, index, index + 1) : 1
    if (index < this.#tree.size || this.#early.has(index)) {
      return this.#report("doubled", file, line, `${what}: the position is taken`)
    }
    if (index > this.#tree.size) this.#early.set(index, { record, isCanonical, file, line, what })
    else {
      const [early] = this.#early.values()
      if (early) this.#report("reordered", file, line, `${what} is behind ${early.what}`)
      this.#add({ record, isCanonical, file, line, what })
    }
    if (this.#early.size > MOST_EARLY) this.#skip()
  }

  #add({ record, isCanonical, file, line, what }: Placed): void {
    const leaf = isCanonical ? hashOf(record, this.#hash) : null
    const isStated = leaf !== null && (record.leaf === undefined || record.leaf === bytesToBase64(leaf))
    if (!isStated) this.#suspects.push({ file, line, what })
    const entry = isStated ? leaf : base64ToBytes(record.leaf ?? "")
    this.#tree = grown(this.#tree, [entry ?? new Uint8Array()])
    const checkpoint = this.#checkpoints.at(record.log, this.#tree.size)
    if (checkpoint && !this.#isBroken) this.#compare(record.log, checkpoint, file, line)
    else if (checkpoint?.tree) {
      this.#leaveUnproven(NOTHING_BEFORE)
      this.#tree = checkpoint.tree
      this.#isBroken = false
    }
    const next = this.#early.get(this.#tree.size)
    this.#early.delete(this.#tree.size)
    if (next) this.#add(next)
  }

  /** Goes on behind positions that are missing. */
  #skip(): void {
    const index = Math.min(...this.#early.keys())
    const next = this.#early.get(index)
    if (!next) return
    const { size } = this.#tree
    const missing = index - size === 1 ? `record ${size}` : `records ${size} to ${index - 1}`
    this.#report("removed", next.file, next.line, `${missing} of ${this.#log}: missing before ${next.what}`)
    this.#leaveUnproven("records behind them are missing")
    this.#isBroken = true
    this.#confirmed = index
    this.#early.delete(index)
    this.#tree = { size: index, frontier: [] }
    this.#add(next)
  }

  /** Those since the last checkpoint: one that has not the hash of its line was changed, or that hash was. */
  #leaveUnproven(why: string): void {
    const [from, to] = [this.#confirmed, this.#tree.size]
    if (from < to && this.#log !== null) this.#unproven.push({ log: this.#log, from, to, why })
    for (const suspect of this.#suspects) this.#report("changed", suspect.file, suspect.line, suspect.what)
    this.#suspects = []
    this.#confirmed = to
  }

  #compare(log: string, { root, tree }: KnownCheckpoint, file: string, line: number): void {
    const [from, to] = [this.#confirmed, this.#tree.size]
    if (isSame(root, rootOfGrowth(this.#tree))) {
      for (const suspect of this.#suspects) this.#report("changed", suspect.file, suspect.line, suspect.what)
      this.proven += Math.max(0, this.#proven.missingIn(log, from, to) - this.#suspects.length)
      this.#proven.add(log, { from, to, file, line })
    } else {
      const range = `${from} to ${to - 1} of ${log}`
      const first = this.#suspects[0]?.what
      const named = first === undefined ? "" : `, first ${first}`
      this.#report("rewritten", file, line, `among records ${range}, one was changed, removed, added or moved${named}`)
      this.#isBroken = tree === null
      this.#tree = tree ?? this.#tree
    }
    this.#confirmed = to
    this.#suspects = []
  }

  end({ log, next }: FooterLine, file: string, line: number): void {
    this.close()
    if (log !== this.#log)
      return this.#report("mixed", file, line, `the end of ${log} is in the section of ${this.#log}`)
    while (this.#early.size > 0) this.#skip()
    const { size } = this.#tree
    if (size < next) this.#report("cut", file, line, `records ${size} to ${next - 1} of ${log} are missing at the end`)
    if (size > next)
      this.#report("appended", file, line, `records ${next} to ${size - 1} of ${log} were added at the end`)
    if (this.#isBroken) this.#leaveUnproven(NOTHING_BEFORE)
    else if (this.#confirmed < size && size <= next) {
      this.#report("appended", file, line, `records ${this.#confirmed} to ${size - 1} of ${log} are in no checkpoint`)
    }
    this.#covered.add(log, { from: this.#from, to: Math.max(size, next), file, line })
    this.#log = null
  }

  /** A file ends. */
  finish(file: string, line: number): void {
    if (this.#isOfSink) return
    while (this.#early.size > 0) this.#skip()
    this.#breakOff(file, line)
    this.#log = null
  }

  #breakOff(file: string, line: number): void {
    if (this.#log === null) return
    this.#report("cut", file, line, `the section of ${this.#log} has no end`)
    this.#covered.add(this.#log, { from: this.#from, to: this.#tree.size, file, line })
  }

  /** There is no further file of what a sink has written of a log. */
  close(): void {
    if (!this.#isOfSink || this.#log === null) return
    while (this.#early.size > 0) this.#skip()
    this.#covered.add(this.#log, { from: this.#from, to: this.#tree.size, ...this.#last })
    this.#leaveUnproven(this.#isBroken ? NOTHING_BEFORE : "no checkpoint covers them yet")
    this.#isOfSink = false
    this.#log = null
  }

  /** Those that another file does not prove. */
  get unproven(): readonly Unproven[] {
    return this.#unproven.filter(({ log, from, to }) => this.#proven.missingIn(log, from, to) > 0)
  }

  /**
   * After the last file: reports what its checkpoints cover and no file has.
   * @param only logs that the files are to have. Null: all
   */
  logs(only: readonly string[] | null): readonly CheckedLog[] {
    for (const [log, { size, file, line }] of this.#checkpoints.newest) {
      if (only && !only.includes(log)) continue
      if (!this.#covered.has(log)) {
        this.#report("missing", file, line, `${log} is in no file, and ${size} records of it are signed`)
        continue
      }
      for (const gap of this.#covered.gaps(log, size)) {
        const range = `records ${gap.from} to ${gap.to - 1} of ${log}`
        const isBetween = gap.to < this.#covered.rangeOf(log).to
        if (isBetween) this.#report("removed", gap.file, gap.line, `${range}: missing, and others follow`)
        else this.#report("cut", gap.file, gap.line, `${range}: a checkpoint covers them`)
      }
    }
    return this.#covered.logs.map((log) => {
      const { from, to: next } = this.#covered.rangeOf(log)
      const newest = this.#checkpoints.newest.get(log)
      const checkpoint = newest ? { size: newest.size, root: newest.root, at: newest.at } : null
      return { log, from, next, checkpoint, until: this.#checkpoints.until(log) }
    })
  }
}

function hashOf(line: RecordLine, hash: HashText): Hash | null {
  // Only a record without its person's fields has a commitment of its own, which says nothing of fields that are there.
  const isSound =
    line.salt === undefined
      ? typeof line["commitment"] === "string" && !Object.keys(line).some((name) => PERSONAL.has(name))
      : !Object.hasOwn(line, "commitment")
  return isSound ? leafOfRecord(storedMembers(line), line.salt ?? null, hash) : null
}
