/** A table. On a narrow page its rows become cards, in which each cell names its column (`data-label`). */
import type { FC, PropsWithChildren } from "hono/jsx"

/** A column of numbers, which are aligned to the right. */
interface NumberColumn {
  readonly number: string
}

interface TableProps {
  readonly caption: string
  readonly columns: readonly (string | NumberColumn)[]
  /** A class for its look. */
  readonly look?: string
  /** Attributes of its body. */
  readonly body?: Readonly<Record<string, string>>
}

export const Table: FC<PropsWithChildren<TableProps>> = ({ caption, columns, look, body = {}, children }) => (
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
