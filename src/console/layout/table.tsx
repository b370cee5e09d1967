/** A table, of which a narrow page makes cards: there each cell says by itself (`data-label`) what it is of. */
import type { FC, PropsWithChildren } from "hono/jsx"

/** Of a column of numbers, which stand to the right. */
interface Numbers {
  readonly number: string
}

interface Tabled {
  readonly caption: string
  readonly columns: readonly (string | Numbers)[]
  /** How it looks besides. */
  readonly look?: string
  /** Attributes of its body. */
  readonly body?: Readonly<Record<string, string>>
}

export const Table: FC<PropsWithChildren<Tabled>> = ({ caption, columns, look, body = {}, children }) => (
  <div class="table">
    <table class={look === undefined ? "stack" : `stack ${look}`}>
      <caption>{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) =>
            typeof column === "string" ? (
              <th scope="col">{column}</th>
            ) : (
              <th scope="col" class="number">
                {column.number}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody {...body}>{children}</tbody>
    </table>
  </div>
)
