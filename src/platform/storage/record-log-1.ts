/**
 * Record logs of release 0.1: a record that a query had looked for was in a row of its own, in place of its batch, and none
 * had a position. The rows become batches again, before those that are there, so that all get their positions in order.
 */
import type { StorageStep } from "./steps.ts"

/** Records of one batch: each is at most 16 KiB, and a row of a deployed object at most 2 MB. */
const OF_BATCH = 50

export const recordsBecomeBatches: StorageStep = ({ sql }) => {
  const { count } = sql.exec<{ count: number }>("SELECT count(*) AS count FROM records").one()
  const batches = Math.ceil(count / OF_BATCH)
  if (batches > 0) {
    // By way of negative ids: the new ids of some are the old ones of others.
    sql.exec("UPDATE batches SET id = -id - ?", batches)
    sql.exec("UPDATE batches SET id = -id")
    sql.exec(
      // A number that is bound would be no integer, and divide as none.
      `INSERT INTO batches SELECT place / ${OF_BATCH} + 1, count(*), json_group_array(json(body)) FROM
        (SELECT row_number() OVER (ORDER BY arrival, id) - 1 AS place, body FROM records) GROUP BY place / ${OF_BATCH}`,
    )
  }
  sql.exec("DROP TABLE records")
}
