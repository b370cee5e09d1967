/** What JSON may state as an amount of which the schema says that it is a decimal, and a rule that it is 49.99 at most. */

/** Judged by its exact digits, or by nobody. */
export const AMOUNTS: readonly (readonly [amount: string, judged: "within" | "above" | "unreadable"])[] = [
  ["49.99", "within"],
  ["49.990", "within"],
  ["4.999e1", "within"],
  ["49", "within"],
  ["-0.5", "within"],
  ["49.9901", "above"],
  ["50", "above"],
  ["5e1", "above"],
  ['"49.99"', "within"],
  ['"49.9901"', "above"],
  ['"49,99"', "unreadable"],
  ["[49.99]", "unreadable"],
  ["true", "unreadable"],
  ["null", "unreadable"],
  ["49.99001", "unreadable"],
  ["49.990000000000000001", "unreadable"],
  ["922337203685478", "unreadable"],
]
