import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { buildCommit } from './builds.js'
import { costInWords, cpuSideBySide } from './cpu.js'
import { load } from './load.js'
import { writeManifest } from './manifest.js'
import { Opened } from './opened.js'
import { openScratch, pinBackends } from './scratch.js'
import { startBehind, startGateway } from './servers.js'
import type { Suite } from './suite.js'
import { buildWorld } from './world.js'

/** The last commit that read the rights of each request from the database. */
const BEFORE = '4df989e^'
const LIST = '/v1/customers?limit=20'
/** Both gateways accept the same tokens, so their issuer has one name. */
const PUBLIC_URL = 'http://gateway.bench'

/** What it brings that rights are remembered under a lease: this gateway, and the one before, built from its commit. */
export const leases: Suite = {
  name: 'leases',
  needs: 'PostgreSQL, git and the history of the project',
  async *run(flags, signal) {
    const opened = new Opened()
    try {
      const scratch = opened.add(await openScratch())
      const origin = opened.add(await startBehind('proxies/origin.ts', {}))
      const manifest = opened.add(writeManifest(origin.url))
      const before_folder = opened.add(buildCommit(BEFORE))
      const env = { PUBLIC_URL, JWT_SIGNING_KEYS: generateSigningKeys(), UPSTREAMS_FILE: manifest.file }
      const now = opened.add(await startGateway(scratch.gateway_url, env))
      const before = opened.add(await startGateway(scratch.gateway_url, env, [before_folder.program]))
      const { user } = await buildWorld(scratch, now.url)
      for (const { path, at_least } of [
        { path: '/bench/items', at_least: 1.3 },
        { path: LIST, at_least: 1.1 },
      ]) {
        if (!`GET ${path}`.includes(flags.only)) continue
        const sides = [
          { path, headers: user, server: now },
          { path, headers: user, server: before },
        ] as const
        for (const side of sides) await load(side.server.url, side, { ...flags, seconds: 1 }, signal)
        await pinBackends(scratch.owner_url)
        const { ours, theirs, ratio } = await cpuSideBySide(sides, flags, signal)
        yield {
          name: `GET ${path}, with leases / before`,
          measured: `now ${costInWords(ours)} | before ${costInWords(theirs)}`,
          figure: ratio,
          unit: 'ratio',
          target: { at_least },
        }
      }
    } finally {
      await opened.close()
    }
  },
}
