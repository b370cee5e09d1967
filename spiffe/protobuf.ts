/**
 * Protocol Buffers, as far as two messages of the Workload API need them: fields of text, and messages in messages.
 * Source: Protocol Buffers, "Encoding".
 */

const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

export function textField(number: number, text: string): Buffer {
  const bytes = Buffer.from(text, "utf8")
  return Buffer.concat([varint((number << 3) | LENGTH_DELIMITED), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80)
  return Buffer.from([...bytes, left])
}

/** The fields of a message that have a length, by their number. Fields of other types are skipped. */
export function fieldsOf(message: Buffer): ReadonlyMap<number, readonly Buffer[]> {
  const fields = new Map<number, Buffer[]>()
  let at = 0
  const next = (length: number): Buffer => {
    if (at + length > message.length) throw new Error("a message of the Workload API breaks off")
    at += length
    return message.subarray(at - length, at)
  }
  const number = (): number => {
    let value = 0
    // What stands in a tag or a length has at most five bytes.
    for (let shift = 0; shift < 35; shift += 7) {
      const [byte = 0] = next(1)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Error("a message of the Workload API has a number that is too long")
  }
  while (at < message.length) {
    const tag = number()
    const type = tag & 7
    if (type === VARINT) skipVarint(next)
    else if (type === FIXED_64) next(8)
    else if (type === FIXED_32) next(4)
    else if (type === LENGTH_DELIMITED) {
      const name = Math.floor(tag / 8)
      const values = fields.get(name) ?? []
      values.push(next(number()))
      fields.set(name, values)
    } else throw new Error("a message of the Workload API has a field of no known type")
  }
  return fields
}

/** One of 64 bits, which no double holds. */
function skipVarint(next: (length: number) => Buffer): void {
  while ((next(1)[0] ?? 0) >= 0x80);
}
