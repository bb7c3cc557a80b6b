/** The faults that a run on PostgreSQL must survive, with real processes: each row of the fault table, once. */
import ava from 'ava'
import {PostgresGround} from '../faults/grounds.js'
import {buildPrograms} from '../faults/program.js'
import {Round} from '../faults/round.js'
import {rows} from '../faults/rows.js'
import {Random} from '../helpers/random.js'

const ground = new PostgresGround()
let programs: Awaited<ReturnType<typeof buildPrograms>> | undefined

ava.before('a PostgreSQL starts', async () => {
  programs = await buildPrograms()
  await ground.up()
})
ava.after.always('the PostgreSQL ends', async () => {
  programs?.remove()
  await ground.end()
})

for (const [number, row] of rows.entries())
  if (row.only === undefined)
    ava.serial(`${row.name}: ${row.isAborted ? 'no job waits any more' : 'all results'}`, async (t) => {
      const round = new Round(ground, row, new Random(number), `row-${number}`, programs?.folder ?? '')
      const {jobs, results, reruns, problems} = await round.run()
      t.log(`${jobs} jobs, ${results} results, ${reruns} run again`)
      t.deepEqual(problems, [])
      if (!row.isAborted) t.is(results, jobs)
    })
