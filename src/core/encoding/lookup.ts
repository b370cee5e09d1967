/** Access by name: a Map, or a table whose rows are read when first requested (sorted-table.ts). */
export interface Lookup<Value> {
  get(name: string): Value | undefined
  has(name: string): boolean
  values(): Iterable<Value>
}
