/** What objects of one class take; the names are those of the price list. */
export interface ObjectUse {
  /** Calls of their methods, and alarms. */
  readonly requests: number
  readonly alarms: number
  /** An object that was in no memory. */
  readonly wakings: number
  readonly written: number
  readonly read: number
  /** Seconds in which an object waited for a timer of its own and could not hibernate. */
  readonly waited: number
}

export const NO_USE: ObjectUse = { requests: 0, alarms: 0, wakings: 0, written: 0, read: 0, waited: 0 }

export function add(one: ObjectUse, other: ObjectUse): ObjectUse {
  return map((what) => one[what] + other[what])
}

export const times = (use: ObjectUse, factor: number): ObjectUse => map((what) => use[what] * factor)

function map(of: (what: keyof ObjectUse) => number): ObjectUse {
  return {
    requests: of("requests"),
    alarms: of("alarms"),
    wakings: of("wakings"),
    written: of("written"),
    read: of("read"),
    waited: of("waited"),
  }
}
