/** When what is stored of a step has to be durable; a greater one is more urgent. */
export const DUE = {
  /** Nothing is stored. */
  never: 0,
  /** After the answer will do: what the answer depends on is durable already. */
  late: 1,
  /** Before the answer. The row reserves what the next lone call uses, so that the next one may be late. */
  reserving: 2,
  /** Before the answer. */
  before: 3,
} as const

export type Due = (typeof DUE)[keyof typeof DUE]

export const sooner = (one: Due, other: Due): Due => (one > other ? one : other)
